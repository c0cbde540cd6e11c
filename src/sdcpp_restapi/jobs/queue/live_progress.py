"""How far the running jobs are: kept in memory and published, since a job that is lost begins anew."""

from collections.abc import Callable
from time import monotonic

from ...events import EventBus
from ...schemas.events import DownloadProgress, JobPreview, JobProgress
from ...schemas.jobs import Job, JobStatus, Progress, Transfer

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

    def begin(self, job: Job) -> None:
        """The job runs from now on."""
        self._progress[job.id] = job.progress

    def end(self, job_id: str) -> None:
        """It does not run any more: its row tells the rest."""
        self._published_at.pop(job_id, None)
        self._transfers.pop(job_id, None)
        self._progress.pop(job_id, None)

    def lacks(self, job: Job) -> bool:
        """Whether a row says that a job runs which does not: it ended after the row was read."""
        return job.status is JobStatus.PROCESSING and job.id not in self._progress

    def progress_of(self, job: Job) -> Progress:
        """The newest progress, that of the row where the job does not run."""
        return self._progress.get(job.id, job.progress)

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
        now = monotonic()
        last_step = progress.step >= progress.total_steps
        if last_step or now - self._published_at.get(job.id, 0.0) >= PROGRESS_INTERVAL:
            self._published_at[job.id] = now
            self._touch()
            self._bus.publish(JobProgress(job_id=job.id, **progress.model_dump()))

    def record_transfer(self, job: Job, transfer: Transfer) -> None:
        """Bytes of a running download arrived."""
        if job.id in self._progress:
            self._transfers[job.id] = transfer
            self._touch()
            self._bus.publish(DownloadProgress(job_id=job.id, **transfer.model_dump()))

    def publish_preview(self, preview: JobPreview) -> None:
        """A running job has something to look at."""
        if preview.job_id in self._progress:
            self._bus.publish(preview)
