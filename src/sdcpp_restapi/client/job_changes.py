"""A job as events change it, for clients that follow it to its end."""

from ..schemas.downloads import DownloadAccepted
from ..schemas.events import DownloadProgress, Event, JobCancelled, JobDeleted, JobProgress, JobStatusChanged
from ..schemas.generation import Accepted
from ..schemas.jobs import FINAL, JobStatus, JobView
from .failures import JobUnsuccessful

# Seconds without an event after which the server is asked, should one have been missed or the line be dead.
SILENCE_SECONDS = 5.0
# Seconds between two questions where no events can be had.
POLL_SECONDS = 1.0

# A job by its id, by the answer to its submission, or as it was.
AnyJob = str | Accepted | DownloadAccepted | JobView


def id_of(job: AnyJob) -> str:
    """Its id; of a download that of the hash, which is the last to end."""
    if isinstance(job, str):
        return job
    return job.hash_job_id if isinstance(job, DownloadAccepted) else job.job_id


def apply_event(job: JobView, event: Event) -> JobView | None:
    """The job after an event: the same object where it is about something else, None where only the server
    can tell."""
    match event.data:
        case JobProgress(job_id=job.job_id) as progress:
            seen = {"progress": progress, "status": JobStatus.PROCESSING}
        case DownloadProgress(job_id=job.job_id) as transfer:
            seen = {"download": transfer, "status": JobStatus.PROCESSING}
        case (
            JobStatusChanged(job_id=job.job_id)
            | JobCancelled(job_id=job.job_id)
            | JobDeleted(job_id=job.job_id)
        ):
            return None
        case _:
            return job
    return job.model_copy(update=seen)


def completed(job: JobView, seconds: float | None) -> JobView:
    """The job that was waited for. Raises JobUnsuccessful, TimeoutError where it has not ended."""
    if job.status not in FINAL:
        raise TimeoutError(f"the job {job.job_id} has not ended after {seconds} s")
    if job.status is not JobStatus.COMPLETED:
        raise JobUnsuccessful(job)
    return job
