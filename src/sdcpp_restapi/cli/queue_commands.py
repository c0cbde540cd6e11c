"""`sdcpp queue ...`: the sub-commands; what they do is in queue.py, imported when one is called."""

from typing import Annotated

import typer

from . import options as o

app = typer.Typer(
    help="Look at the jobs of a running server, cancel, delete and restore them.",
    epilog="[bold]Examples[/bold]\n\n"
    "sdcpp queue list --status failed\n\n"
    "sdcpp queue delete 550e8400-e29b-41d4-a716-446655440000  [dim]its files go into the trash too[/dim]\n\n"
    "sdcpp queue list --status cancelled --ids | xargs sdcpp queue delete",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Its id.", show_default=False)]
JobIds = Annotated[list[str], typer.Argument(metavar="JOB", help="Their ids.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="The server's answer, for programs.", show_default=False)]


@app.command("list")
def list_jobs(
    status: Annotated[
        str | None, typer.Option(help="pending, processing, completed, failed or cancelled.")
    ] = None,
    job_type: Annotated[str | None, typer.Option("--type", help="E.g. txt2img or model_download.")] = None,
    search: Annotated[str | None, typer.Option(help="Text in the prompt, the model or the id.")] = None,
    trash: Annotated[bool, typer.Option("--trash", help="The deleted ones.", show_default=False)] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    ids: Annotated[bool, typer.Option("--ids", help="Ids only, for xargs.", show_default=False)] = False,
    as_json: Json = False,
    server: o.Url = "http://127.0.0.1:8080",
    api_key: o.ApiKey = None,
) -> None:
    """List jobs, newest first."""
    from .connection import connected
    from .queue import show_page

    query = {"status": status, "type": job_type, "search": search, "limit": limit}
    wanted = {name: value for name, value in query.items() if value is not None}
    with connected(server, api_key) as remote:
        show_page(remote.queue(**wanted, **({"trash": True} if trash else {})), ids, as_json)


@app.command()
def show(
    job: JobId, as_json: Json = False, server: o.Url = "http://127.0.0.1:8080", api_key: o.ApiKey = None
) -> None:
    """Show all about a job."""
    from .connection import connected
    from .queue import show_job

    with connected(server, api_key) as remote:
        show_job(remote.job(job), remote.output_url, as_json)


@app.command()
def cancel(jobs: JobIds, server: o.Url = "http://127.0.0.1:8080", api_key: o.ApiKey = None) -> None:
    """Cancel jobs that wait or run."""
    from .connection import connected
    from .queue import cancel_all

    with connected(server, api_key) as remote:
        cancel_all(remote, jobs)


@app.command()
def delete(
    jobs: JobIds, as_json: Json = False, server: o.Url = "http://127.0.0.1:8080", api_key: o.ApiKey = None
) -> None:
    """Put finished jobs into the trash, with their files; [bold]restore[/bold] brings them back."""
    from .connection import connected
    from .queue import report

    with connected(server, api_key) as remote:
        done = remote.delete(jobs)
    report(done, len(done.deleted), "in the trash now", "in the queue", as_json)


@app.command()
def restore(
    jobs: JobIds, as_json: Json = False, server: o.Url = "http://127.0.0.1:8080", api_key: o.ApiKey = None
) -> None:
    """Get jobs back from the trash, with their files."""
    from .connection import connected
    from .queue import report

    with connected(server, api_key) as remote:
        done = remote.restore(jobs)
    report(done, len(done.restored), "in the queue again", "in the trash", as_json)


@app.command()
def purge(
    jobs: JobIds,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", show_default=False)] = False,
    as_json: Json = False,
    server: o.Url = "http://127.0.0.1:8080",
    api_key: o.ApiKey = None,
) -> None:
    """Delete finished jobs and their files for good, in the trash or not."""
    from .connection import connected
    from .queue import confirm_purge, report

    confirm_purge(len(jobs), yes)
    with connected(server, api_key) as remote:
        done = remote.delete(jobs, purge=True)
    report(done, len(done.deleted), "gone for good", "in the queue or in the trash", as_json)
