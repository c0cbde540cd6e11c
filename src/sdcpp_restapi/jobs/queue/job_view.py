"""A job as the API shows it."""

from functools import lru_cache

from ...schemas.addresses import hide_secrets
from ...schemas.conversion import ConvertRequest
from ...schemas.downloads import DownloadRequest
from ...schemas.jobs import DayOfJobs, Job, JobStatus, JobView, Params, Timings
from ...schemas.model_sets import PullJob
from ...schemas.models import LoadRequest
from .live_progress import LiveProgress


def view_of(live: LiveProgress, job: Job, position: int | None) -> JobView:
    """`position` is the place of a pending job in its lane, 1 = next."""
    started = job.status is not JobStatus.PENDING and job.status is not JobStatus.CANCELLED
    timings = Timings(
        created_at=job.created_at,
        started_at=job.started_at if started else None,
        completed_at=job.completed_at,
    )
    return JobView(
        job_id=job.id,
        type=job.type,
        status=job.status,
        progress=live.progress_of(job),
        eta_seconds=live.estimate_seconds(job),
        download=live.transfer_of(job),
        created_at=timings.created_at,
        started_at=timings.started_at,
        completed_at=timings.completed_at,
        timings=timings,
        outputs=list(job.outputs),
        partial=True if job.status is JobStatus.CANCELLED and job.outputs else None,
        params=_show_params(job.params),
        error=show_error(job),
        warnings=show_warnings(job),
        position=None if job.paused else position,
        paused=True if job.status is JobStatus.PENDING and (job.paused or job.preempted) else None,
        result=job.result,
        model=job.model.model_name if job.model else None,
        model_settings=_settings_of(job.model) if job.model else None,
        engine=job.engine,
        attempt=job.attempt if job.attempt > 1 else None,
        resumed_from_step=job.resumed_from_step,
        worker=job.worker,
        upscaler=job.upscaler.model_name if job.upscaler else None,
        output_path=job.params.output_path if isinstance(job.params, ConvertRequest) else None,
        parent=job.parent,
        source=job.source,
        user=job.user or None,
        after=job.after,
        deleted_at=job.deleted_at,
    )


def group_by_date(jobs: list[Job]) -> list[DayOfJobs]:
    """The days on which jobs were created, each once, in the order in which the jobs have them."""
    days: dict[str, list[str]] = {}
    for job in jobs:
        days.setdefault(job.created_at.date().isoformat(), []).append(job.id)
    return [DayOfJobs(date=date, count=len(ids), job_ids=ids) for date, ids in days.items()]


@lru_cache(maxsize=32)
def _settings_of(model: LoadRequest) -> dict[str, object]:
    # Most jobs of a page were stamped with one of a few models.
    return model.model_dump(mode="json", exclude_none=True)


def show_error(job: Job) -> str | None:
    """Why it failed, without the secrets in addresses."""
    return hide_secrets(job.error) if job.error is not None else None


def show_warnings(job: Job) -> list[str] | None:
    """Its warnings, without the secrets in addresses; None where it has none."""
    return [hide_secrets(warning) for warning in job.warnings] or None


def _show_params(params: Params) -> dict[str, object]:
    # Not those of other jobs: what a prompt says is no address.
    if isinstance(params, PullJob):
        # As it was asked for: the files are in the result, and their addresses may hold secrets.
        asked = params.model_dump(exclude_none=True, exclude={"files", "load", "load_upscaler"})
        return {**asked, "load": bool(params.load or params.load_upscaler)}
    shown = params.model_dump(exclude_none=True)
    if isinstance(params, DownloadRequest):
        return {
            name: hide_secrets(value) if isinstance(value, str) else value for name, value in shown.items()
        }
    return shown
