"""What the commands that ask other sites for models do; the server asks."""

from collections.abc import Iterator
from typing import Any

import typer
from rich.filesize import decimal

from ..schemas.model_links import OfferedFile, ResolvedLink
from .command_name import command_name
from .connection import connected
from .exit_codes import exit_refused, warn
from .models import fetch_from

TITLE_SHOWN = 40


def show_search(query: dict[str, Any], as_json: bool, url: str, api_key: str | None) -> None:
    """A table of what was found; the last column is what `download` takes."""
    with connected(url, api_key) as server:
        found = server.search_models(**query)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    for one in found.models:
        size = decimal(one.size_bytes) if one.size_bytes else ""
        marks = "".join(mark for mark, wanted in (("*", one.on_disk), ("g", one.gated)) if wanted)
        typer.echo(
            f"{marks:<2} {one.type or '':<10} {(one.base_model or '')[:16]:<16} {size:>9}"
            f" {one.downloads:>9}  {one.title[:TITLE_SHOWN]:<{TITLE_SHOWN}}  {one.link}"
        )
    warn(found.warnings)
    if found.hidden:
        warn([f"{found.hidden} left out that are not for everybody (--nsfw)"])
    if found.next_cursor:
        warn([f"there are more: --cursor '{found.next_cursor}'"])
    if found.models:
        warn([f"'{command_name()} download {found.models[0].link}' fetches the first one"])


def show_link(link: str, as_json: bool, url: str, api_key: str | None) -> None:
    """What a link leads to."""
    with connected(url, api_key) as server:
        found = server.resolve_link(link)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    for label, value in _describe(found):
        typer.echo(f"{label:<14} {value}")
    warn(found.warnings)


def fetch_link(
    link: str, kind: str | None, name: str | None, more: dict[str, object], url: str, api_key: str | None
) -> None:
    """Download the file that a link leads to, or the one of this name."""
    with connected(url, api_key) as server:
        found = server.resolve_link(link)
        file = _choose(found, name)
        warn(found.warnings)
        for need in file.needs:
            if need.required and not need.picked:
                warn([f"it also needs {need.component}, and no file on disk fits"])
        # What is given as a link may hold a secret, which no answer repeats.
        body: dict[str, Any] = dict(file.download or {"url": link})
        if kind:
            body["model_type"] = kind
        if "model_type" not in body and file.type is None:
            raise exit_refused(f"what {file.name} is can't be told; say it with --type")
        fetch_from(server, {"model_type": file.type, **body, **more})


def show_updates(refresh: bool, as_json: bool, url: str, api_key: str | None) -> None:
    """Models with a newer version."""
    with connected(url, api_key) as server:
        found = server.model_updates(**({"refresh": "true"} if refresh else {}))
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    for one in found.updates:
        typer.echo(f"{one.type:<10} {one.name}: {one.version} -> {one.newest_version}  {one.link}")
    warn(found.warnings)
    if found.unhashed:
        warn([f"{len(found.unhashed)} models have no hash yet: 'sdcpp models hash NAME' computes it"])
    if found.remaining:
        warn([f"{found.remaining} models were not asked for yet; run this again"])


def _choose(found: ResolvedLink, name: str | None) -> OfferedFile:
    names = [file.name for file in found.files]
    if name is not None:
        chosen = next((file for file in found.files if file.name == name), None)
        if chosen is None:
            raise exit_refused(f"--file {name}: there are {', '.join(names)}")
        return chosen
    if not found.files:
        raise exit_refused("this link leads to no model file")
    primary = [file for file in found.files if file.primary]
    if len(found.files) > 1 and not primary:
        raise exit_refused(f"say which with --file: {', '.join(names)}")
    return primary[0] if primary else found.files[0]


def _describe(found: ResolvedLink) -> Iterator[tuple[str, str]]:
    labels = {
        "title": " ".join(filter(None, (found.title, found.version))),
        "base model": found.base_model,
        "trigger words": ", ".join(found.trigger_words),
        "licence": found.license,
        "gated": "yes: a token of yours is needed" if found.gated else None,
    }
    yield from ((label, value) for label, value in labels.items() if value)
    for file in found.files:
        size = decimal(file.size_bytes) if file.size_bytes is not None else "unknown size"
        about = ", ".join(filter(None, (file.architecture, file.quantization, file.format)))
        here = f", here as {file.on_disk.name}" if file.on_disk else ""
        yield file.type or "unknown", f"{file.name} ({size}{f', {about}' if about else ''}{here})"
        if file.problem:
            yield "  problem", file.problem
        for need in file.needs:
            wish = "  needs" if need.required else "  can use"
            yield wish, f"{need.component}: {need.picked or 'no file on disk fits'}"
        if file.goes_with:
            yield "  goes with", ", ".join(one.name for one in file.goes_with)
