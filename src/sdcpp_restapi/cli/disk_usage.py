"""What `sdcpp models du` does."""

import json
from collections import Counter, defaultdict

import typer
from rich.filesize import decimal

from ..schemas.model_sets import SetList
from ..schemas.models import ModelEntry
from .connection import connected
from .exit_codes import exit_refused
from .models import list_entries

KINDS = ("type", "model", "set")


def show_usage(by: str, as_json: bool, url: str, api_key: str | None) -> None:
    """Sizes by type, model or set, and duplicates."""
    if by not in KINDS:
        raise exit_refused(f"--by {by}: one of {', '.join(KINDS)}")
    with connected(url, api_key) as server:
        entries = list_entries(server.models())
        sets = server.model_sets() if by == "set" else SetList(sets=[])
    sizes = _sum(entries, by, sets)
    twice = _find_duplicates(entries)
    if as_json:
        told = [[f"{one.type} {one.name}" for one in group] for group in twice]
        typer.echo(json.dumps({"bytes": dict(sizes), "duplicates": told}, indent=2))
        return
    for name, size in sizes.most_common():
        typer.echo(f"{decimal(size):>9}  {name}")
    typer.echo(f"{decimal(sum(one.size_bytes for one in entries)):>9}  all models")
    for group in twice:
        names = " and ".join(f"{one.type} {one.name}" for one in group)
        typer.echo(f"{decimal(group[0].size_bytes):>9}  twice: {names}")


def _sum(entries: list[ModelEntry], by: str, sets: SetList) -> Counter[str]:
    """A file that several sets share counts with each of them."""
    owners: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in sets.sets:
        for file in one.pulled_files or ():
            owners[file.type, file.name].append(one.name)
    sizes: Counter[str] = Counter()
    for entry in entries:
        for name in _name_groups(entry, by, owners):
            sizes[name] += entry.size_bytes
    return sizes


def _name_groups(entry: ModelEntry, by: str, owners: dict[tuple[str, str], list[str]]) -> list[str]:
    if by == "type":
        return [entry.type]
    if by == "model":
        return [f"{entry.type} {entry.name}"]
    return owners[entry.type, entry.name] or ["(in no set)"]


def _find_duplicates(entries: list[ModelEntry]) -> list[list[ModelEntry]]:
    """Files of the same known SHA-256. Links to one file count too: they can't be told apart here."""
    by_hash: dict[str, list[ModelEntry]] = defaultdict(list)
    for entry in entries:
        if entry.hash:
            by_hash[entry.hash].append(entry)
    return [group for group in by_hash.values() if len(group) > 1]
