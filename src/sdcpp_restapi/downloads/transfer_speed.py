"""Progress and speed of a download."""

from collections import deque
from time import monotonic

from ..schemas.jobs import Progress, Transfer

# Seconds over which the speed is taken.
WINDOW = 5.0


class TransferSpeed:
    """Progress and speed of one download; resumed bytes count as done, but not for the speed."""

    def __init__(self, whole: int | None = None) -> None:
        """`whole`: the bytes of all files, where there are several."""
        self._whole = whole
        self._before = 0
        self._file: str | None = None
        self._total: int | None = None
        self._seen: deque[tuple[float, int]] = deque()

    def begin_file(self, name: str, before: int) -> None:
        """The next of several files; `before`: the bytes of those that are there."""
        self._file, self._before = name, before

    def start(self, done: int, total: int | None) -> None:
        """Begin to measure; `done` bytes are there from an earlier attempt."""
        self._total = total if self._whole is None else self._whole
        self._seen.clear()
        self.update(done)

    def update(self, done: int) -> None:
        """Record that `done` bytes are there now."""
        now, done = monotonic(), self._before + done
        while len(self._seen) > 2 and now - self._seen[0][0] > WINDOW:
            self._seen.popleft()
        # A fast line brings thousands of blocks a second: one point for each tenth is enough.
        if len(self._seen) > 1 and now - self._seen[-2][0] < 0.1:
            self._seen.pop()
        self._seen.append((now, done))

    def report(self) -> tuple[Progress, Transfer] | None:
        """In percent and in bytes; None before the first byte can come."""
        if not self._seen:
            return None
        (began, first), (last, done) = self._seen[0], self._seen[-1]
        speed = (done - first) / (last - began) if last > began else 0.0
        left = (self._total - done) / speed if self._total is not None and speed > 0 else None
        transfer = Transfer(
            bytes_done=done,
            bytes_total=self._total,
            bytes_per_second=round(speed),
            seconds_left=round(left, 1) if left is not None else None,
            file=self._file,
        )
        return Progress.at(min(100 * done // self._total, 100) if self._total else 0, 100, 0, 1), transfer
