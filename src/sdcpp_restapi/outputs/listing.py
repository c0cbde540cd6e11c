"""What is in a folder: folders first, sorted, one page at a time.

A folder of 10,000 jobs is read with one scandir. Only what the sorting and the statistics need is asked of
the file system for every entry, and remembered; all else is asked for the entries of the page.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import NotFound
from .folder import Found, OutputFolder
from .stat_cache import FileStat

Sort = Literal["name", "size", "date"]
Order = Literal["asc", "desc"]
PAGE_SIZE = 100
_DIGITS = re.compile(r"\d+")
Entry = os.DirEntry[str]
Look = Callable[[Entry], FileStat]
Key = Callable[[Entry], Any]


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
    look = outputs.stamps.of(folder.path, folder.stat.st_mtime_ns)
    folders.sort(key=_folder_key(sort, look), reverse=order == "desc")
    files.sort(key=_file_key(sort, look), reverse=order == "desc")
    return Listing(
        entries=(folders + files)[(page - 1) * PAGE_SIZE : page * PAGE_SIZE],
        folders=len(folders),
        files=len(files),
        total_size=sum(look(file).size for file in files),
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


def by_name(name: str) -> tuple[str, str]:
    """The sorting key that puts image_10 after image_9."""
    return _DIGITS.sub(lambda digits: digits[0].zfill(12), name.casefold()), name


def _as_text(entry: Entry) -> str:
    # Numbers in the names of job folders are chance: they are compared as text, which is also faster.
    return f"{entry.name.casefold()}\0{entry.name}"


def _folder_key(sort: Sort, look: Look) -> Key:
    # Folders have no size of their own: they stay sorted by name.
    return (lambda entry: (look(entry).modified, entry.name)) if sort == "date" else _as_text


def _file_key(sort: Sort, look: Look) -> Key:
    match sort:
        case "name":
            return lambda entry: by_name(entry.name)
        case "size":
            return lambda entry: (look(entry).size, by_name(entry.name))
        case "date":
            return lambda entry: (look(entry).modified, by_name(entry.name))
