"""A cache for the dates and sizes of entries of large folders.

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
# Seconds. A folder's own date shows which entries came and went, but not what changed further down.
LONGEST = 60.0


class FileStat(NamedTuple):
    """Date in nanoseconds since 1970 and size in bytes; zeros for an entry that was deleted meanwhile."""

    modified: int
    size: int


@dataclass(frozen=True, slots=True)
class _CachedFolder:
    folder_modified: int
    until: float
    stats: dict[str, FileStat] = field(default_factory=dict)

    def holds(self, folder_modified: int) -> bool:
        large = len(self.stats) >= LARGE
        return large and self.folder_modified == folder_modified and time.monotonic() < self.until


class StatCache:
    """Stats of the entries of the folders that were listed last."""

    def __init__(self) -> None:
        self._folders: OrderedDict[Path, _CachedFolder] = OrderedDict()

    def reader_for(self, folder: Path, folder_modified: int) -> Callable[[os.DirEntry[str]], FileStat]:
        """A function that reads the stat of an entry of this folder, from the cache where it is there.

        `folder_modified`: the folder's own st_mtime_ns; another value than before empties its cache.
        """
        cached = self._folders.get(folder)
        if cached is None or not cached.holds(folder_modified):
            cached = self._folders[folder] = _CachedFolder(folder_modified, time.monotonic() + LONGEST)
            if len(self._folders) > MOST_FOLDERS:
                self._folders.popitem(last=False)
        stats = cached.stats

        def read(entry: os.DirEntry[str]) -> FileStat:
            found = stats.get(entry.name)
            if found is None:
                found = stats[entry.name] = read_stat(entry)
            return found

        return read


def read_stat(entry: os.DirEntry[str]) -> FileStat:
    """Date and size of an entry now, without the cache."""
    try:
        found = entry.stat()
    except OSError:
        return FileStat(0, 0)
    return FileStat(found.st_mtime_ns, found.st_size)
