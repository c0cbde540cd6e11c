"""How far the running jobs are: kept in memory and published, since a job that is lost begins anew."""

from collections.abc import Callable
from time import monotonic

from ...events import EventBus
from ...schemas.events import DownloadProgress, JobPreview, JobProgress
from ...schemas.generation import GenerationRequest
from ...schemas.jobs import Job, JobStatus, Progress, Transfer
from .time_left import TimeLeft

# Seconds between two job_progress events of one job; its last step is always told.
PROGRESS_INTERVAL = 0.1


class LiveProgress:
    """Progress and transfers of the jobs that run; what comes for others is dropped."""

    def __init__(self, bus: EventBus, touch: Callable[[], None]) -> None:
        """`touch` is called with every change that the queue shows."""
        self._bus = bus
        self._touch = touch
        self._progress: dict[str, Progress] = {}
        self._transfers: dict[str, Transfer] = {}
        self._published_at: dict[str, float] = {}
        self._users: dict[str, str] = {}
        self._time_left: dict[str, TimeLeft] = {}

    def begin(self, job: Job) -> None:
        """The job runs from now on."""
        self._progress[job.id] = job.progress
        self._users[job.id] = job.user
        self._time_left[job.id] = TimeLeft(monotonic())

    def expect(self, job: Job, seconds: float) -> None:
        """So long such jobs took."""
        if left := self._time_left.get(job.id):
            left.expected = seconds

    def end(self, job_id: str) -> None:
        """It does not run any more: its row tells the rest."""
        self._published_at.pop(job_id, None)
        self._transfers.pop(job_id, None)
        self._users.pop(job_id, None)
        self._time_left.pop(job_id, None)
        self._progress.pop(job_id, None)

    def lacks(self, job: Job) -> bool:
        """Whether a row says that a job runs which does not: it ended after the row was read."""
        return job.status is JobStatus.PROCESSING and job.id not in self._progress

    def has(self, job: Job) -> bool:
        """Whether it runs, so that its row does not tell all."""
        return job.id in self._progress

    def progress_of(self, job: Job) -> Progress:
        """The newest progress, that of the row where the job does not run."""
        return self._progress.get(job.id, job.progress)

    def estimate_seconds(self, job: Job) -> float | None:
        """Until it ends; None while it is not known, and where it does not run."""
        left, progress = self._time_left.get(job.id), self._progress.get(job.id)
        if left is None or progress is None or not isinstance(job.params, GenerationRequest):
            return None
        seconds = left.compute(progress.all_steps, monotonic())
        return None if seconds is None else round(seconds, 1)

    def transfer_of(self, job: Job) -> Transfer | None:
        """The newest bytes of a download."""
        return self._transfers.get(job.id)

    def show(self, job: Job, progress: Progress) -> None:
        """What clients see until the end of the job is stored: progress never goes back."""
        if job.id in self._progress:
            self._progress[job.id] = progress

    def record(self, job: Job, progress: Progress) -> None:
        """A running job went on."""
        if job.id not in self._progress:
            return
        self._progress[job.id] = progress
        self._touch()
        now = monotonic()
        self._time_left[job.id].note_steps(progress.current_all_steps, now)
        last_step = progress.step >= progress.total_steps
        if last_step or now - self._published_at.get(job.id, 0.0) >= PROGRESS_INTERVAL:
            self._published_at[job.id] = now
            told = JobProgress(job_id=job.id, **progress.model_dump(), eta_seconds=self.estimate_seconds(job))
            self._bus.publish(told, job.user)

    def record_transfer(self, job: Job, transfer: Transfer) -> None:
        """Bytes of a running download arrived."""
        if job.id in self._progress:
            self._transfers[job.id] = transfer
            self._touch()
            self._bus.publish(DownloadProgress(job_id=job.id, **transfer.model_dump()), job.user)

    def publish_preview(self, preview: JobPreview) -> None:
        """A running job has something to look at."""
        if preview.job_id in self._progress:
            self._bus.publish(preview, self._users[preview.job_id])
