"""What the commands that change model files do."""

from pathlib import PurePosixPath
from typing import Any

import typer
from rich.filesize import decimal

from .connection import connected
from .exit_codes import exit_failed, exit_refused, warn
from .models import find_kind


def delete(
    name: str, kind: str | None, purge: bool, yes: bool, force: bool, url: str, api_key: str | None
) -> None:
    """Put a model into the trash, or delete it for good."""
    if purge and not yes and not typer.confirm(f"Delete {name} for good?", err=True):
        raise exit_refused("nothing was deleted")
    with connected(url, api_key) as server:
        done = server.delete_model(kind or find_kind(server, name), name, purge=purge, force=force)
    warn(done.warnings)
    where = f"in the trash as {done.trash_id}" if done.trash_id else "gone for good"
    typer.echo(f"{done.type} {done.name} is {where}")


def rename_model(
    name: str, new_name: str, kind: str | None, force: bool, url: str, api_key: str | None
) -> None:
    """Give a model another name; one without a folder goes to the top."""
    path = PurePosixPath(new_name)
    folder = "" if len(path.parts) < 2 else str(path.parent)
    fields = {"name": path.name, "folder": folder, **({"force": True} if force else {})}
    change(name, kind, fields, url, api_key)


def change(name: str, kind: str | None, fields: dict[str, Any], url: str, api_key: str | None) -> None:
    """Change a model and print its name."""
    with connected(url, api_key) as server:
        done = server.change_model(kind or find_kind(server, name), name, **fields)
    warn(done.warnings)
    tags = f"  [{', '.join(done.tags)}]" if done.tags else ""
    typer.echo(f"{done.type} {done.name}{tags}")


def show_duplicates(as_json: bool, url: str, api_key: str | None) -> None:
    """Groups of files with the same content."""
    with connected(url, api_key) as server:
        found = server.model_duplicates()
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    for group in found.groups:
        typer.echo(f"{group.hash[:10]}  {decimal(group.size_bytes):>9}")
        for file in group.files:
            typer.echo(f"  {file.type:<10} {file.name}")
    if found.unhashed:
        warn([f"{len(found.unhashed)} files may be doubles too: 'sdcpp models hash NAME' would tell"])


def show_trash(as_json: bool, url: str, api_key: str | None) -> None:
    """What can come back."""
    with connected(url, api_key) as server:
        found = server.model_trash()
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    for one in found.models:
        typer.echo(f"{one.id}  {one.type:<10} {decimal(one.size_bytes):>9}  {one.name}")


def bring_back(ids: list[str], url: str, api_key: str | None) -> None:
    """Restore models; fails where one of them could not be."""
    with connected(url, api_key) as server:
        done = server.restore_models(ids)
    for one in done.restored:
        typer.echo(f"{one.type} {one.name}")
    warn(done.warnings)
    if done.not_found:
        raise exit_failed(f"not in the trash: {', '.join(done.not_found)}")
    if len(done.restored) < len(set(ids)):
        raise exit_failed("not all of them came back")
