"""How many nodes of a graph are computed in one go, so that a cancel acts soon and costs little."""

import time

# Of computing, between two moments at which a cancel is looked for.
SECONDS = 0.05
FIRST = 20
# One that is short by chance must not make the next one long.
FASTEST_GROWTH = 4


class Pieces:
    """Counts nodes, and follows the time that they take.

    Of the time on the clock and that of all threads on the processors, the shorter one: where others take the
    processors, to wait for them must not make pieces so small that nothing but waiting is left.
    """

    def __init__(self) -> None:
        self._size = FIRST
        self._count = 0
        self._began = self._cpu_began = 0.0

    def begin(self) -> None:
        """A graph begins, or what is left of it."""
        self._count, self._began, self._cpu_began = 0, time.monotonic(), time.process_time()

    def count_node(self) -> bool:
        """One node more; whether it is the last of its piece."""
        self._count += 1
        return self._count >= self._size

    def end(self) -> None:
        """A piece was computed."""
        seconds = min(time.monotonic() - self._began, time.process_time() - self._cpu_began)
        most = self._size * FASTEST_GROWTH
        wanted = int(self._count * SECONDS / seconds) if seconds > 0 else most
        # One that the end of its graph cut short takes mostly what every piece costs: it makes none smaller.
        if seconds > SECONDS or self._count >= self._size:
            self._size = max(1, min(wanted, most))
        self.begin()
