"""Following a job to its end, and showing how far it is."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from ..schemas.jobs import JobStatus, JobView, Progress
from .remote import Events, Server

FINAL = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)


class Show(Protocol):
    """Shows what is being done and how much of it."""

    def __call__(self, what: str, done: int = 0, total: int = 0) -> None: ...


def watch(server: Server, events: Events, job_id: str, show: Show) -> JobView:
    """Wait for the end of a job; `events` were opened before it was submitted."""
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
        if message["event"] == "job_status_changed":
            break
    return server.job(job.job_id)


def _show(show: Show, job: JobView) -> None:
    progress = job.progress
    if job.status is JobStatus.PENDING:
        show(f"waiting in the queue, place {job.position or 1}")
    elif not progress.all_steps:
        show("preparing" if job.status is JobStatus.PROCESSING else str(job.status))
    elif progress.total_images > 1:
        image = min(progress.current_image + 1, progress.total_images)
        what = f"drawing image {image} of {progress.total_images}"
        show(what, progress.current_all_steps, progress.all_steps)
    else:
        show("drawing", progress.current_all_steps, progress.all_steps)


@contextmanager
def progress_shown(stream: TextIO | None = None) -> Iterator[Show]:
    """A bar on a terminal, lines elsewhere. On standard error, so that pictures may go to standard output."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield _Lines(stream)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    what, steps = TextColumn("{task.description}", markup=False), TextColumn("{task.fields[steps]}")
    columns = (what, BarColumn(), steps, TimeRemainingColumn())
    with Progress(*columns, console=Console(file=stream)) as bars:
        task = bars.add_task("starting", total=None, steps="")

        def show(what: str, done: int = 0, total: int = 0) -> None:
            steps = f"{done}/{total}" if total else ""
            bars.update(
                task, description=what, completed=done, total=total or None, steps=steps, refresh=True
            )

        yield show


class _Lines:
    """A line whenever something else is done, and at each quarter."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last: tuple[str, int] | None = None

    def __call__(self, what: str, done: int = 0, total: int = 0) -> None:
        quarter = 4 * done // total if total else 0
        if (what, quarter) != self._last:
            self._last = what, quarter
            print(f"{what}: {done} of {total} steps" if total else what, file=self._stream, flush=True)
