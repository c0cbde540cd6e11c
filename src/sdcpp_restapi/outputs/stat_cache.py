"""Dates and sizes of what is in large folders, remembered for a while.

To sort 10,000 job folders by date takes 10,000 questions to the file system: 30 ms on a disk of this machine,
seconds on a network share. Only the order of entries and their total size rely on what is remembered here;
names are always read anew, and the rows of a page show what is true now.
"""

import os
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

# Folders with fewer entries are asked anew every time.
LARGE = 1000
MOST_FOLDERS = 8
# Seconds. A folder's own date tells what came and went in it, but not what changed further down.
LONGEST = 60.0


class FileStat(NamedTuple):
    """Nanoseconds since 1970, and bytes; zeros for what was deleted in the meantime."""

    modified: int
    size: int


@dataclass(frozen=True, slots=True)
class _Kept:
    folder_modified: int
    until: float
    stamps: dict[str, FileStat] = field(default_factory=dict)

    def holds(self, folder_modified: int) -> bool:
        large = len(self.stamps) >= LARGE
        return large and self.folder_modified == folder_modified and time.monotonic() < self.until


class StatCache:
    """Of the folders that were looked at last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Path, _Kept] = OrderedDict()

    def of(self, folder: Path, folder_modified: int) -> Callable[[os.DirEntry[str]], FileStat]:
        """What tells the stamps of this folder's entries, asking the file system where it must."""
        kept = self._kept.get(folder)
        if kept is None or not kept.holds(folder_modified):
            kept = self._kept[folder] = _Kept(folder_modified, time.monotonic() + LONGEST)
            if len(self._kept) > MOST_FOLDERS:
                self._kept.popitem(last=False)
        stamps = kept.stamps

        def look(entry: os.DirEntry[str]) -> FileStat:
            found = stamps.get(entry.name)
            if found is None:
                found = stamps[entry.name] = stamp(entry)
            return found

        return look


def stamp(entry: os.DirEntry[str]) -> FileStat:
    """As of now."""
    try:
        found = entry.stat()
    except OSError:
        return FileStat(0, 0)
    return FileStat(found.st_mtime_ns, found.st_size)
