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
ReadStat = Callable[[Entry], FileStat]
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
    """The page with this number, or the last one. Raises NotFound if the folder is gone."""
    folders, files = _scan(outputs, folder)
    pages = max(1, -(-(len(folders) + len(files)) // PAGE_SIZE))
    page = min(page, pages)
    read_stat = outputs.stat_cache.reader_for(folder.path, folder.stat.st_mtime_ns)
    folders.sort(key=_folder_key(sort, read_stat), reverse=order == "desc")
    files.sort(key=_file_key(sort, read_stat), reverse=order == "desc")
    return Listing(
        entries=(folders + files)[(page - 1) * PAGE_SIZE : page * PAGE_SIZE],
        folders=len(folders),
        files=len(files),
        total_size=sum(read_stat(file).size for file in files),
        page=page,
        pages=pages,
    )


def _scan(outputs: OutputFolder, folder: Found) -> tuple[list[Entry], list[Entry]]:
    folders: list[Entry] = []
    files: list[Entry] = []
    is_seen = outputs.owners.find_rule() if folder.path == outputs.root else _everything
    try:
        with os.scandir(folder.path) as found:
            for entry in found:
                if outputs.shows(entry) and is_seen(entry.name):
                    (folders if entry.is_dir() else files).append(entry)
    except OSError:
        raise NotFound from None
    return folders, files


def _everything(_name: str) -> bool:
    return True


def natural_key(name: str) -> tuple[str, str]:
    """The sorting key of a file's name: numbers by value, so that image_10 comes after image_9."""
    return _DIGITS.sub(lambda digits: digits[0].zfill(12), name.casefold()), name


def _text_key(entry: Entry) -> str:
    # Numbers in the names of job folders are chance: they are compared as text, which is also faster.
    return f"{entry.name.casefold()}\0{entry.name}"


def _folder_key(sort: Sort, read_stat: ReadStat) -> Key:
    # Folders have no size of their own: they stay sorted by name.
    return (lambda entry: (read_stat(entry).modified, entry.name)) if sort == "date" else _text_key


def _file_key(sort: Sort, read_stat: ReadStat) -> Key:
    match sort:
        case "name":
            return lambda entry: natural_key(entry.name)
        case "size":
            return lambda entry: (read_stat(entry).size, natural_key(entry.name))
        case "date":
            return lambda entry: (read_stat(entry).modified, natural_key(entry.name))
