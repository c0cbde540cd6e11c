"""What `sdcpp queue` does and says."""

import sys
from collections.abc import Callable

import typer

from ..client import Client, ClientError
from ..schemas.jobs import JobView, QueueView
from ..schemas.timestamps import utc_second
from ..schemas.trash import Deleted, Restored
from .exit_codes import FAILED, exit_refused

LONGEST_PROMPT = 60
# Fields of a job that are shown in another way, or tell nothing more.
LEFT_OUT = {"params", "progress", "outputs", "timings", "model_settings"}


def show_page(page: QueueView, only_ids: bool, as_json: bool) -> None:
    """One line a job on standard output; on standard error how many there are."""
    if as_json:
        typer.echo(page.model_dump_json(indent=2))
        return
    for job in page.items:
        typer.echo(job.job_id if only_ids else _line(job))
    there = page.total_count if page.matching_count is None else page.matching_count
    more = ", --limit shows more" if there > len(page.items) else ""
    typer.echo(f"{len(page.items)} of {there} jobs{more}", err=True)


def show_job(job: JobView, output_url: Callable[[str], str], as_json: bool) -> None:
    """What there is to know about one job."""
    if as_json:
        typer.echo(job.model_dump_json(indent=2))
        return
    shown = job.model_dump(mode="json", exclude=LEFT_OUT, exclude_none=True)
    if job.progress.all_steps:
        shown["progress"] = f"{job.progress.percentage:g} %"
    for name, value in (*shown.items(), *job.params.items()):
        typer.echo(f"{name}: {value}")
    for path in job.outputs:
        typer.echo(f"output: {output_url(path)}")


def cancel_all(server: Client, job_ids: list[str]) -> None:
    """Cancel jobs one by one; exit code 1 when one of them could not be."""
    failures = 0
    for job_id in job_ids:
        try:
            server.cancel(job_id)
            typer.echo(f"{job_id} is cancelled")
        except ClientError as error:
            failures += 1
            typer.echo(f"sdcpp: {job_id}: {error}", err=True)
    if failures:
        raise typer.Exit(FAILED)


def confirm_purge(count: int, yes: bool) -> None:
    """Ask before files are deleted for good."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise exit_refused("this deletes files for good, and nobody is there to be asked: add --yes")
    typer.confirm(f"Delete {count} {_jobs(count)} and all their files for good?", abort=True, err=True)


def report(done: Deleted | Restored, count: int, now: str, searched: str, as_json: bool) -> None:
    """What became of jobs; exit code 1 when some were not there."""
    if as_json:
        typer.echo(done.model_dump_json(indent=2))
    else:
        typer.echo(f"{count} {_jobs(count)} {'is' if count == 1 else 'are'} {now}")
    for job_id in done.not_found:
        typer.echo(f"sdcpp: {job_id} is not {searched}", err=True)
    if done.not_found:
        raise typer.Exit(FAILED)


def _line(job: JobView) -> str:
    prompt = " ".join(str(job.params.get("prompt", "")).split())
    shown = prompt if len(prompt) <= LONGEST_PROMPT else prompt[: LONGEST_PROMPT - 3] + "..."
    created = utc_second(job.created_at).rstrip("Z")
    columns = (job.job_id, f"{job.status:<10}", f"{job.type:<14}", created, shown)
    return "  ".join(columns).rstrip()


def _jobs(count: int) -> str:
    return "job" if count == 1 else "jobs"
