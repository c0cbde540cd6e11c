"""The rows of a page: what is looked up for the few entries that are shown, and for no others."""

import os
from dataclasses import dataclass
from pathlib import Path

from . import generation_info
from .folder import OutputFolder
from .generation_info import UNKNOWN, Made
from .listing import Entry, by_name
from .media import kind_of
from .stat_cache import stamp


@dataclass(frozen=True, slots=True)
class Row:
    """A file or folder as the page shows it; `thumb` is the path of the picture that stands for it."""

    name: str
    path: str
    kind: str
    modified: int
    size: int = 0
    items: int = 0
    thumb: str = ""
    made: Made = UNKNOWN


def of(outputs: OutputFolder, entries: list[Entry], path: str, folder: Path) -> list[Row]:
    """Rows of the folder at `path`, in the order given."""
    job = generation_info.of_job(folder)
    return [
        _folder(outputs, entry, _inside(path, entry.name))
        if entry.is_dir()
        else _file(entry, _inside(path, entry.name), job)
        for entry in entries
    ]


def _inside(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _file(entry: Entry, path: str, job: list[Made]) -> Row:
    kind = kind_of(entry.name)
    made, thumb = UNKNOWN, ""
    if kind in ("image", "video"):
        carried = generation_info.of_picture(Path(entry.path))
        made = generation_info.in_job(job, entry.name) if carried == UNKNOWN else carried
        thumb = path
    now = stamp(entry)
    return Row(entry.name, path, kind, now.modified, size=now.size, thumb=thumb, made=made)


def _folder(outputs: OutputFolder, entry: Entry, path: str) -> Row:
    """A folder shows its first picture, and the prompt of its job."""
    try:
        with os.scandir(entry.path) as found:
            names = [inner.name for inner in found if outputs.shows(inner)]
    except OSError:
        names = []
    first = min(
        (name for name in names if kind_of(name) in ("image", "video")), key=_images_first, default=""
    )
    made = generation_info.of_job(Path(entry.path)) if "config.json" in names else []
    return Row(
        entry.name,
        path,
        "folder",
        stamp(entry).modified,
        items=len(names),
        thumb=_inside(path, first) if first else "",
        made=made[0] if made else UNKNOWN,
    )


def _images_first(name: str) -> tuple[bool, tuple[str, str]]:
    return kind_of(name) != "image", by_name(name)
