"""What is in a folder: folders first, sorted, one page at a time.

A folder of 10,000 jobs is read with one scandir. Only what the sorting and the statistics need is asked of
the file system for every entry; all else is asked for the entries of the page.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import NotFound
from .folder import Found, OutputFolder

Sort = Literal["name", "size", "date"]
Order = Literal["asc", "desc"]
PAGE_SIZE = 200
_DIGITS = re.compile(r"\d+")
Entry = os.DirEntry[str]


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a folder, and the numbers of the whole of it."""

    entries: list[Entry]
    folders: int
    files: int
    total_size: int
    page: int
    pages: int


def read(outputs: OutputFolder, folder: Found, sort: Sort, order: Order, page: int) -> Listing:
    """The page with this number, or the last one where there are fewer. Raises NotFound."""
    folders, files = _folders_and_files(outputs, folder)
    pages = max(1, -(-(len(folders) + len(files)) // PAGE_SIZE))
    page = min(page, pages)
    # Folders have no size of their own: they stay sorted by name.
    folders.sort(key=_FOLDER_KEYS[sort], reverse=order == "desc")
    files.sort(key=_FILE_KEYS[sort], reverse=order == "desc")
    return Listing(
        entries=(folders + files)[(page - 1) * PAGE_SIZE : page * PAGE_SIZE],
        folders=len(folders),
        files=len(files),
        total_size=sum(map(size_of, files)),
        page=page,
        pages=pages,
    )


def _folders_and_files(outputs: OutputFolder, folder: Found) -> tuple[list[Entry], list[Entry]]:
    folders: list[Entry] = []
    files: list[Entry] = []
    try:
        with os.scandir(folder.path) as found:
            for entry in found:
                if outputs.shows(entry):
                    (folders if entry.is_dir() else files).append(entry)
    except OSError:
        raise NotFound from None
    return folders, files


def size_of(entry: Entry) -> int:
    """Bytes; 0 for what was deleted in the meantime."""
    try:
        return entry.stat().st_size
    except OSError:
        return 0


def modified(entry: Entry) -> int:
    """Nanoseconds since 1970; 0 for what was deleted in the meantime."""
    try:
        return entry.stat().st_mtime_ns
    except OSError:
        return 0


def by_name(name: str) -> tuple[str, str]:
    """The sorting key that puts image_10 after image_9."""
    return _DIGITS.sub(lambda digits: digits[0].zfill(12), name.casefold()), name


def _as_text(entry: Entry) -> str:
    # Numbers in the names of job folders are chance: they are compared as text, which is also faster.
    return f"{entry.name.casefold()}\0{entry.name}"


_FOLDER_KEYS: dict[Sort, Callable[[Entry], Any]] = {
    "name": _as_text,
    "size": _as_text,
    "date": lambda entry: (modified(entry), entry.name),
}
_FILE_KEYS: dict[Sort, Callable[[Entry], Any]] = {
    "name": lambda entry: by_name(entry.name),
    "size": lambda entry: (size_of(entry), by_name(entry.name)),
    "date": lambda entry: (modified(entry), by_name(entry.name)),
}
