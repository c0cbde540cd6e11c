"""Which step of which image the engine is at, counted from its progress callbacks."""

from .journal_file import NO_PLACE, Place


class SampledPlace:
    """Counts the first passes of the images of a job; second passes and other calls have no place."""

    def __init__(self) -> None:
        self._first = self._count = 0
        self._pass = self._done = self._evaluations = 0

    def begin_call(self, first: int, count: int) -> None:
        """The engine samples images number `first` to `first + count - 1`, one after the other; 0: none."""
        self._first, self._count = first, count
        self._pass = self._done = self._evaluations = 0

    def end_step(self, step: int, total: int) -> None:
        """The engine says that `step` of `total` steps of a pass are done."""
        if step < 1:
            return
        if step < self._done:
            self._pass += 1  # the last one ended early
        self._done, self._evaluations = step, 0
        if step >= total:
            self._pass += 1
            self._done = 0

    def end_evaluation(self) -> None:
        """The diffusion model was evaluated."""
        self._evaluations += 1

    @property
    def next_evaluation(self) -> Place:
        """Where the next evaluation of the diffusion model, or the present one, belongs."""
        if self._pass >= self._count:
            return NO_PLACE
        return Place(self._first + self._pass, self._done + 1, self._evaluations)
