"""What `sdcpp models` does."""

import json
from collections.abc import Iterator
from typing import Any

import typer
from rich.filesize import decimal

from ..client import Client
from ..downloads.sources import registry
from ..schemas.inspection import Inspection
from ..schemas.jobs import JobView
from ..schemas.models import ModelEntry, ModelList
from .command_name import command_name
from .connection import connected
from .exit_codes import exit_refused, warn
from .job_progress import wait_for_job

HASH_SHOWN = 10


def show_list(filters: dict[str, Any], as_json: bool, url: str, api_key: str | None) -> None:
    """The models that pass the filters."""
    with connected(url, api_key) as server:
        found = server.models(**filters)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    for entry in list_entries(found):
        sha256 = (entry.hash or "")[:HASH_SHOWN]
        typer.echo(
            f"{'*' if entry.is_loaded else ' '} {entry.type:<10} {decimal(entry.size_bytes):>9}"
            f"  {sha256:<{HASH_SHOWN}}  {entry.name}"
        )
    warn(found.problems)


def show_inspection(name: str, kind: str | None, as_json: bool, url: str, api_key: str | None) -> None:
    """What a file is."""
    with connected(url, api_key) as server:
        found = server.inspect_model(kind or find_kind(server, name), name)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    for label, value in _describe(found):
        typer.echo(f"{label:<14} {value}")


def show_hash(name: str, kind: str | None, url: str, api_key: str | None) -> None:
    """The SHA-256 of a file."""
    with connected(url, api_key) as server:
        typer.echo(f"{server.hash_model(kind or find_kind(server, name), name).hash}  {name}")


def fetch(source: str, request: dict[str, Any], url: str, api_key: str | None) -> None:
    """Download a model; the hash job that follows it is waited for too."""
    request = {**_parse_source(source), **request}
    with connected(url, api_key) as server:
        fetch_from(server, request)


def fetch_from(server: Client, request: dict[str, Any]) -> None:
    """Order a download, wait for its jobs and print what came."""
    accepted = server.download_model(**request)
    warn(accepted.warnings)
    wait_for_job(server, accepted.download_job_id)
    _show_result(wait_for_job(server, accepted.hash_job_id))


def convert_file(request: dict[str, Any], url: str, api_key: str | None) -> None:
    """Convert a model."""
    with connected(url, api_key) as server:
        accepted = server.convert(**request)
        warn(accepted.warnings)
        _show_result(wait_for_job(server, accepted.job_id))


def load_model(
    name: str, kind: str | None, parts: list[str], settings: list[str], url: str, api_key: str | None
) -> None:
    """Load a model and tell what it is."""
    request: dict[str, Any] = {"model_name": name, **_parse_pairs("--with", parts)}
    if kind:
        request["model_type"] = kind
    if settings:
        request["options"] = {
            option: _parse_value(text) for option, text in _parse_pairs("--option", settings).items()
        }
    with connected(url, api_key) as server:
        loaded = server.load_model(**request)
    warn(loaded.warnings)
    typer.echo(f"{loaded.model_name} ({loaded.model_architecture or 'of an unknown architecture'})")


def unload_model(url: str, api_key: str | None) -> None:
    """Free the loaded model."""
    with connected(url, api_key) as server:
        typer.echo(server.unload_model().message)


def _describe(found: Inspection) -> Iterator[tuple[str, str]]:
    yield "name", f"{found.name} ({found.type}, {decimal(found.size_bytes)})"
    if found.problem:
        yield "problem", found.problem
    yield "format", found.format or "not read, since reading it can run code"
    yield "architecture", found.architecture or "unknown"
    if found.parameters:
        yield "parameters", f"{found.parameters:,}, most as {found.quantization}"
    yield "contains", ", ".join(one.name or one.kind for one in found.contains) or "unknown"
    if found.trigger_words:
        yield "trigger words", ", ".join(found.trigger_words)
    for need in found.needs:
        wish = "needs" if need.required else "can use"
        yield wish, f"{need.component}: {need.picked or 'no file on disk fits'}"


def list_entries(found: ModelList) -> list[ModelEntry]:
    """The models of all types."""
    lists = (value for _, value in found if isinstance(value, list))
    return [entry for entries in lists for entry in entries if isinstance(entry, ModelEntry)]


def find_kind(server: Client, name: str) -> str:
    """The type of the only model of this name; ends the command where there is none, or more than one."""
    kinds = [entry.type for entry in list_entries(server.models(search=name)) if entry.name == name]
    if len(kinds) > 1:
        raise exit_refused(f"{name} is in {' and '.join(kinds)}; say which with --type")
    if not kinds:
        raise exit_refused(f"there is no model {name}; '{command_name()} models list' shows all names")
    return kinds[0]


def _parse_source(text: str) -> dict[str, str]:
    """The part of a download's body that says from where."""
    fields = registry.parse_argument(text)
    if fields is None:
        raise exit_refused(f"{text}: give {registry.list_argument_forms()}")
    return fields


def _parse_pairs(flag: str, texts: list[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise exit_refused(f"{flag} {text}: write NAME=VALUE")
        pairs[name] = value
    return pairs


def _parse_value(text: str) -> object:
    """true, 4 and 0.5 are what they look like, all else is a text."""
    try:
        return json.loads(text, parse_constant=str)
    except ValueError:
        return text


def _show_result(job: JobView) -> None:
    if job.result:
        typer.echo(f"{job.result.model_type} {job.result.name}")
    elif job.output_path:
        typer.echo(job.output_path)
