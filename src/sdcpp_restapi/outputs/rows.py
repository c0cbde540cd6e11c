"""The rows of a page: data that is read only for the entries on it, not for the whole folder."""

import os
from dataclasses import dataclass
from pathlib import Path

from . import generation_info
from .folder import OutputFolder
from .generation_info import UNKNOWN, GenerationInfo
from .listing import Entry, natural_key
from .media import kind_of
from .stat_cache import read_stat


@dataclass(frozen=True, slots=True)
class Row:
    """A file or folder as the page shows it.

    `thumb`: path of the picture whose thumbnail is shown; `modified`: nanoseconds since 1970.
    """

    name: str
    path: str
    kind: str
    modified: int
    size: int = 0
    items: int = 0
    thumb: str = ""
    made: GenerationInfo = UNKNOWN


def make_rows(outputs: OutputFolder, entries: list[Entry], path: str, folder: Path) -> list[Row]:
    """The rows of `entries` in the same order; `path` is that of `folder`, relative to the output folder."""
    job = generation_info.read_job(folder)
    return [
        _make_folder_row(outputs, entry, _join(path, entry.name))
        if entry.is_dir()
        else _make_file_row(entry, _join(path, entry.name), job)
        for entry in entries
    ]


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _make_file_row(entry: Entry, path: str, job: list[GenerationInfo]) -> Row:
    kind = kind_of(entry.name)
    made, thumb = UNKNOWN, ""
    if kind in ("image", "video"):
        carried = generation_info.read_picture(Path(entry.path))
        made = generation_info.select_file(job, entry.name) if carried == UNKNOWN else carried
        thumb = path
    now = read_stat(entry)
    return Row(entry.name, path, kind, now.modified, size=now.size, thumb=thumb, made=made)


def _make_folder_row(outputs: OutputFolder, entry: Entry, path: str) -> Row:
    """A folder shows its first picture, and the prompt of its job."""
    try:
        with os.scandir(entry.path) as found:
            names = [inner.name for inner in found if outputs.shows(inner)]
    except OSError:
        names = []
    first = min(
        (name for name in names if kind_of(name) in ("image", "video")), key=_images_first_key, default=""
    )
    made = generation_info.read_job(Path(entry.path)) if "config.json" in names else []
    return Row(
        entry.name,
        path,
        "folder",
        read_stat(entry).modified,
        items=len(names),
        thumb=_join(path, first) if first else "",
        made=made[0] if made else UNKNOWN,
    )


def _images_first_key(name: str) -> tuple[bool, tuple[str, str]]:
    return kind_of(name) != "image", natural_key(name)
