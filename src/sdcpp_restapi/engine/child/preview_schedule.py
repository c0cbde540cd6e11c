"""Which steps get a preview: those that the interval names, as far as the bound on their time allows."""

from ...schemas.options import BoundedPreviewSettings

# Seconds from one preview to the next: more cannot be followed by eye.
SHORTEST_PAUSE = 0.2
# Matrices of a few numbers, unlike the decoders: its time is not bounded.
CHEAP = "proj"


class PreviewSchedule:
    """Chooses the steps of one job after another. Moments are seconds of a clock that never goes back.

    To decode a preview can take longer than a step. What it took is told by the length of its step, less
    that of the shorter one of its neighbours; the next one is due when so much has been sampled that it took
    no more than its share. That may be in a later job: with short ones the share is kept on average.
    """

    def __init__(self) -> None:
        self._settings = BoundedPreviewSettings()
        self._sampled = 0.0  # seconds of sampling so far, with previews
        self._due_at: dict[str, float] = {}  # mode -> what `_sampled` must be for the next one
        self._usual = 0.0  # seconds of the last step without a preview, of any job
        self._plain: float | None = None  # the same, of this job
        self._decoded: float | None = None  # seconds of the step before this one, if it had a bounded preview
        self._decoded_at = 0.0
        self._step_seconds = 0.0
        self._step_began_at = 0.0
        self._step = self._shown_step = 0
        self._shown_at = -SHORTEST_PAUSE
        self._computed = False
        self.mode = "none"

    def begin_job(self, settings: BoundedPreviewSettings, mode: str, steps: int) -> None:
        """A job of so many steps begins that asks for previews in `mode`.

        `self.mode` is what they are made in: a projection where none would be due before the end of the job.
        """
        if self._decoded is not None:
            self._settle(self._usual)
        self._settings = settings
        self._plain = None
        self._shown_at = -SHORTEST_PAUSE  # each job is looked at for itself
        waiting = self._due_at.get(mode, 0.0) - self._sampled
        self.mode = CHEAP if settings.share and waiting > steps * self._usual else mode

    def begin_image(self, now: float) -> None:
        """The first step of an image begins."""
        self._step = self._shown_step = 0
        self._computed = False
        self._step_began_at = now

    def end_step(self, step: int, now: float) -> None:
        """A step of the image has ended."""
        seconds = now - self._step_began_at
        self._step, self._step_began_at, self._step_seconds = step, now, seconds
        self._sampled += seconds
        if not self._computed:
            if self._decoded is not None:
                self._settle(seconds)
            self._plain = self._usual = seconds
        elif self._is_bounded:
            self._decoded, self._decoded_at = seconds, self._sampled
        self._computed = False

    def is_due(self, now: float) -> bool:
        """Whether the step that begins is to have a preview."""
        ends_at = now + (self._plain or self._step_seconds)
        if (self._step + 1) % self._settings.interval or self.comes_too_early(ends_at):
            return False
        if not self._is_bounded:
            return True
        compared = self._plain is not None and self._decoded is None
        return compared and self._sampled >= self._due_at.get(self.mode, 0.0)

    def note_computed(self) -> None:
        """The present step has a preview."""
        self._computed = True

    def comes_too_early(self, now: float) -> bool:
        """Whether a preview would follow the one before too closely."""
        return now < self._shown_at + SHORTEST_PAUSE

    def show(self, step: int, now: float) -> int:
        """The preview of a step is shown; the number of steps since the one before."""
        interval = step - self._shown_step
        self._shown_step, self._shown_at = step, now
        return interval

    @property
    def _is_bounded(self) -> bool:
        return self._settings.share > 0 and self.mode != CHEAP

    def _settle(self, after: float) -> None:
        """Reckon what the last preview took; the step after it took `after` seconds."""
        assert self._decoded is not None
        plain = min(after, self._usual)
        took = max(self._decoded - plain, 0.0)
        # The step that is due takes as long again.
        pause = took / self._settings.share - self._decoded
        self._due_at[self.mode] = self._decoded_at + pause
        self._decoded = None
