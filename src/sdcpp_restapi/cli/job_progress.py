"""Following a job to its end, and showing how far it is."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol, TextIO

from rich.filesize import decimal

from ..client import Client, ClientError
from ..client.job_changes import AnyJob, id_of
from ..os_support.interrupts import raise_on_interrupt
from ..schemas.jobs import JobStatus, JobType, JobView, Transfer
from .exit_codes import exit_interrupted

DOING: dict[JobType, str] = {
    "convert": "converting",
    "model_download": "downloading",
    "model_hash": "hashing",
}


class Show(Protocol):
    """Shows what is being done and how much of it, as numbers and in words."""

    def __call__(self, what: str, done: int = 0, total: int = 0, amount: str = "") -> None: ...


def wait_for_job(server: Client, job: AnyJob) -> JobView:
    """The completed job. Ctrl-C cancels it."""
    try:
        with show_progress() as show, raise_on_interrupt():
            return server.wait(job, on_change=partial(show_job, show))
    except KeyboardInterrupt:
        raise exit_interrupted(_cancel(server, job)) from None


def _cancel(server: Client, job: AnyJob) -> str:
    try:
        server.cancel(job)
    except ClientError as error:
        return f"interrupted, but the job could not be cancelled: {error}"
    return f"the job {id_of(job)} was cancelled"


def show_job(show: Show, job: JobView) -> None:
    """Show what is being done for a job."""
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
    what = f"downloading {transfer.file}" if transfer.file else "downloading"
    show(what, done, total or 0, f"{decimal(done)}{of}, {decimal(transfer.bytes_per_second)}/s")


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
