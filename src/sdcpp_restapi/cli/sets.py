"""What `sdcpp sets`, `sdcpp pull` and `sdcpp rm` do."""

import sys
from collections.abc import Iterator
from typing import Any

import typer
from rich.filesize import decimal

from ..client import Client
from ..schemas.model_sets import PullPlan, SetFileView, SetRemoval, SetView
from .connection import connected
from .exit_codes import exit_refused, warn
from .job_progress import wait_for_job

_STATES = {"there": "there", "cached": "linked", "missing": "fetched"}


def show_sets(as_json: bool, url: str, api_key: str | None) -> None:
    """One row a set."""
    with connected(url, api_key) as server:
        found = server.model_sets()
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    for one in found.sets:
        typer.echo(f"{'*' if one.pulled else ' '} {one.name:<24} {one.makes:<16} {one.title}")
    warn(found.problems)


def show_set(name: str, as_json: bool, url: str, api_key: str | None) -> None:
    """All that is known of a set."""
    with connected(url, api_key) as server:
        found = server.model_set(name)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    for label, value in _describe(found):
        typer.echo(f"{label:<10} {value}")


def pull_set(request: dict[str, Any], yes: bool, url: str, api_key: str | None) -> None:
    """Show the plan, ask, pull and wait."""
    with connected(url, api_key) as server:
        plan = server.plan_pull(**request)
        # Of the plan's variant, even if another one would be chosen a moment later.
        request = {**request, "variant": plan.variant}
        for told in _describe_plan(plan):
            typer.echo(told, err=True)
        warn(plan.warnings)
        if plan.bytes_to_fetch and not yes:
            _ask("Fetch it?")
        accepted = server.pull(**request)
        job = wait_for_job(server, accepted.download_job_id)
        warn(job.warnings)
        for file in (job.result.files if job.result else None) or ():
            typer.echo(f"{file.model_type} {file.name}")
        if accepted.draw_job_id:
            _show_picture(server, accepted.draw_job_id)


def remove_set(name: str, yes: bool, url: str, api_key: str | None) -> bool:
    """Show what would be deleted, ask, delete; False where there is no set of this name."""
    with connected(url, api_key) as server:
        if name not in {one.name for one in server.model_sets().sets}:
            return False
        plan = server.remove_set(name, plan=True)
        _show_removal(plan)
        if plan.deleted and not yes:
            _ask("Delete them?")
        removed = server.remove_set(name)
    typer.echo(f"{decimal(removed.freed_bytes)} are free again", err=True)
    return True


def update_sets(url: str, api_key: str | None) -> None:
    """Fetch the sets of the server's addresses."""
    with connected(url, api_key) as server:
        updated = server.update_sets()
    for name in updated.fetched:
        typer.echo(name)
    warn(updated.problems)


def _describe(found: SetView) -> Iterator[tuple[str, str]]:
    yield "name", f"{found.name} ({found.title})"
    yield "makes", f"{found.makes}. {found.summary}"
    yield "licence", f"{found.license.name}, {found.license.url}"
    if found.license.gated:
        yield "gated", f"accept the terms at {found.license.gated}; needs a token in the server's settings"
    for variant in found.details:
        fits = {True: "fits", False: "does not fit", None: "may fit"}[variant.fits]
        yield "variant", f"{variant.name}: {decimal(variant.size_bytes)}, {fits}: {variant.why}"
    yield "chosen", found.reason
    chosen = next(one for one in found.details if one.name == found.chosen)
    for file in chosen.files:
        yield "file", _describe_file(file)
    yield "disk", f"{decimal(found.free_bytes)} free"


def _describe_plan(plan: PullPlan) -> Iterator[str]:
    yield f"{plan.set}, variant {plan.variant}: {plan.reason}"
    yield from (f"  {_describe_file(file)}" for file in plan.details.files)
    yield f"licence: {plan.license.name}, {plan.license.url}"
    yield f"to fetch: {decimal(plan.bytes_to_fetch)}; free on the disk: {decimal(plan.free_bytes)}"


def _describe_file(file: SetFileView) -> str:
    note = f" ({file.note})" if file.note else ""
    size = decimal(file.size_bytes) if file.size_is_exact else f"about {decimal(file.size_bytes)}"
    return f"{_STATES[file.state]:<8} {file.type:<10} {size:>14}  {file.name}{note}"


def _show_removal(plan: SetRemoval) -> None:
    for file in plan.deleted:
        typer.echo(f"deleted  {file.type:<10} {decimal(file.size_bytes):>9}  {file.name}", err=True)
    for file in plan.kept:
        typer.echo(f"kept     {file.type:<10} {'':>9}  {file.name}: {file.kept_because}", err=True)


def _show_picture(server: Client, job_id: str) -> None:
    for path in wait_for_job(server, job_id).outputs:
        typer.echo(f"/output/{path}")


def _ask(question: str) -> None:
    """End the command unless the answer is yes."""
    if not sys.stdin.isatty():
        raise exit_refused("nobody can be asked here; give --yes")
    if not typer.confirm(question, err=True):
        raise exit_refused("nothing was done")
