"""How long a running job still takes: at first as long as such jobs took, then by its own steps."""

from dataclasses import dataclass


@dataclass
class TimeLeft:
    """Of one job. Moments are seconds of a clock that never goes back."""

    began: float
    expected: float | None = None
    """Seconds that the whole of it is to take, without loading models."""
    _first: tuple[float, int] | None = None
    _last: tuple[float, int] | None = None

    def note_steps(self, steps: int, now: float) -> None:
        """So many steps of all its images are done."""
        if steps < 1:
            return
        if self._first is None or steps < self._first[1]:
            self._first = now, steps
        self._last = now, steps

    def compute(self, all_steps: int, now: float) -> float | None:
        """Seconds until its end; None = not known yet.

        Decoding comes after the last step: what is expected beyond the steps and what came before them.
        """
        pace = self._compute_pace()
        if pace is None or self._first is None or self._last is None:
            return None if self.expected is None else max(0.0, self.expected - (now - self.began))
        before = max(0.0, self._first[0] - self.began - self._first[1] * pace)
        after = 0.0 if self.expected is None else max(0.0, self.expected - before - all_steps * pace)
        sampling = (all_steps - self._last[1]) * pace
        return max(0.0, sampling + after - (now - self._last[0]))

    def _compute_pace(self) -> float | None:
        """Seconds of a step; None before there are two."""
        if self._first is None or self._last is None or self._last[1] == self._first[1]:
            return None
        return (self._last[0] - self._first[0]) / (self._last[1] - self._first[1])
