"""Following a job to its end, and showing how far it is."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from rich.filesize import decimal

from ..errors import SdcppError
from ..schemas.jobs import JobStatus, JobType, JobView, Progress, Transfer
from .api_client import Events, Server
from .exit_codes import exit_failed, exit_interrupted

FINAL = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)
DOING: dict[JobType, str] = {
    "convert": "converting",
    "model_download": "downloading",
    "model_hash": "hashing",
}


class Show(Protocol):
    """Shows what is being done and how much of it, as numbers and in words."""

    def __call__(self, what: str, done: int = 0, total: int = 0, amount: str = "") -> None: ...


def wait_for_job(server: Server, job_id: str) -> JobView:
    """The completed job. Ctrl-C cancels it."""
    try:
        with server.events() as events, show_progress() as show:
            job = watch(server, events, job_id, show)
    except KeyboardInterrupt:
        raise exit_interrupted(_cancel(server, job_id)) from None
    if job.status is not JobStatus.COMPLETED:
        raise exit_failed(job.error or f"the job was {job.status}")
    return job


def _cancel(server: Server, job_id: str) -> str:
    try:
        server.cancel(job_id)
    except SdcppError as error:
        return f"interrupted, but the job could not be cancelled: {error}"
    return f"the job {job_id} was cancelled"


def watch(server: Server, events: Events, job_id: str, show: Show) -> JobView:
    """Wait for the end of a job; `events` are open already, so that none is missed."""
    job = server.job(job_id)
    while job.status not in FINAL:
        _show(show, job)
        job = _next(server, events, job)
    _show(show, job)
    return job


def _next(server: Server, events: Events, job: JobView) -> JobView:
    """The job after something happened to it."""
    while message := events.next():
        if message["data"].get("job_id") != job.job_id:
            continue
        if message["event"] == "job_progress":
            progress = Progress.model_validate(message["data"])
            return job.model_copy(update={"progress": progress, "status": JobStatus.PROCESSING})
        if message["event"] == "download_progress":
            transfer = Transfer.model_validate(message["data"])
            return job.model_copy(update={"download": transfer, "status": JobStatus.PROCESSING})
        if message["event"] == "job_status_changed":
            break
    return server.job(job.job_id)


def _show(show: Show, job: JobView) -> None:
    progress = job.progress
    if job.status is JobStatus.PENDING:
        show(f"waiting in the queue, place {job.position or 1}")
    elif job.download:
        _show_transfer(show, job.download)
    elif job.type in DOING:
        show(DOING[job.type], int(progress.percentage), 100, f"{progress.percentage:.0f} %")
    elif not progress.all_steps:
        show("preparing" if job.status is JobStatus.PROCESSING else str(job.status))
    else:
        done, total = progress.current_all_steps, progress.all_steps
        image = min(progress.current_image + 1, progress.total_images)
        several = f" image {image} of {progress.total_images}" if progress.total_images > 1 else ""
        show(f"drawing{several}", done, total, f"{done} of {total} steps")


def _show_transfer(show: Show, transfer: Transfer) -> None:
    done, total = transfer.bytes_done, transfer.bytes_total
    of = f" of {decimal(total)}" if total else ""
    show("downloading", done, total or 0, f"{decimal(done)}{of}, {decimal(transfer.bytes_per_second)}/s")


@contextmanager
def show_progress(stream: TextIO | None = None) -> Iterator[Show]:
    """A bar on a terminal, lines elsewhere. On standard error, so that pictures may go to standard output."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield _Lines(stream)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    what = TextColumn("{task.description}", markup=False)
    amount = TextColumn("{task.fields[amount]}", markup=False)
    columns = (what, BarColumn(), amount, TimeRemainingColumn())
    with Progress(*columns, console=Console(file=stream)) as bars:
        task = bars.add_task("starting", total=None, amount="")

        def show(what: str, done: int = 0, total: int = 0, amount: str = "") -> None:
            bars.update(
                task, description=what, completed=done, total=total or None, amount=amount, refresh=True
            )

        yield show


class _Lines:
    """A line whenever something else is done, and at each quarter."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last: tuple[str, int] | None = None

    def __call__(self, what: str, done: int = 0, total: int = 0, amount: str = "") -> None:
        quarter = 4 * done // total if total else 0
        if (what, quarter) != self._last:
            self._last = what, quarter
            print(f"{what}: {amount}" if amount else what, file=self._stream, flush=True)
