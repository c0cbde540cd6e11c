"""Paths in requests, turned into files of the output folder, or refused."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..errors import InvalidPath, NotFound
from .owners import FolderOwners
from .stat_cache import StatCache

# Bytes of a file that is read in one piece: most pictures are smaller.
MOST_READ_AT_ONCE = 2 * 2**20
# The seconds that calendars have names for, a day off their ends for time zones.
_FIRST_SECOND, _LAST_SECOND = -62_135_510_400, 253_402_214_399


def fit_calendar(seconds: int) -> int:
    """A moment that has a date: some file systems keep any number."""
    return min(max(seconds, _FIRST_SECOND), _LAST_SECOND)


@dataclass(frozen=True, slots=True)
class Found:
    """A file or folder of the output folder that a client may see, with its stat."""

    path: Path
    stat: os.stat_result

    @property
    def is_folder(self) -> bool:
        """Whether it is listed rather than sent."""
        return stat.S_ISDIR(self.stat.st_mode)


def check_readable(path: Path) -> Found:
    """The file or folder at `path`. Raises NotFound for what cannot be read, and for pipes and the like."""
    try:
        found = Found(path, path.stat())
    except OSError:
        raise NotFound from None
    if not (found.is_folder or stat.S_ISREG(found.stat.st_mode)) or not os.access(path, os.R_OK):
        raise NotFound
    return found


def find_with_content(folder: "OutputFolder", relative: str, wanted: bool) -> tuple[Found, bytes | None]:
    """What `OutputFolder.find` finds, and the bytes of a small file, where they are wanted: to read them here
    saves several turns of threads."""
    found = folder.find(relative)
    if not wanted or found.is_folder or found.stat.st_size > MOST_READ_AT_ONCE:
        return found, None
    content = found.path.read_bytes()
    return found, content if len(content) == found.stat.st_size else None


class OutputFolder:
    """Turns paths relative to `root` into files; `stat_cache` is shared by all listings. What belongs to a
    user whose files the request at hand may not see is not there for it."""

    def __init__(self, root: Path, owners: FolderOwners | None = None) -> None:
        self.root = root
        self.owners = owners or FolderOwners()
        self.stat_cache = StatCache()

    def find(self, relative: str) -> Found:
        """The file or folder at `relative`. Raises as `resolve` does; what cannot be read is not found."""
        return check_readable(self.resolve(relative))

    def resolve(self, relative: str) -> Path:
        """The existing file or folder at `relative`.

        Raises InvalidPath for traversal and for links that leave the folder; NotFound for what does not
        exist, for dot files, which are internal, and for what the request may not see.
        """
        if "\0" in relative or "\\" in relative:
            raise InvalidPath(f"Invalid path: {relative!r}")
        parts = PurePosixPath(relative).parts
        if ".." in parts or PurePosixPath(relative).is_absolute():
            raise InvalidPath(f"Invalid path: {relative!r} leaves the output folder")
        if any(part.startswith(".") for part in parts) or (parts and not self.owners.may_see(parts[0])):
            raise NotFound
        path = self.root.joinpath(*parts)
        try:
            inside = Path(os.path.realpath(path, strict=True))
        except OSError:
            raise NotFound from None
        if not inside.is_relative_to(os.path.realpath(self.root)):
            raise InvalidPath(f"Invalid path: {relative!r} is a link that leaves the output folder")
        return path

    def shows(self, entry: os.DirEntry[str]) -> bool:
        """Whether a listing names it: all that `find` would find, as far as is known without a stat."""
        if entry.name.startswith(".") or not _has_usable_name(entry.name):
            return False
        if not entry.is_symlink():
            return entry.is_dir() or entry.is_file()
        inside = os.path.realpath(entry.path)
        return os.path.exists(inside) and Path(inside).is_relative_to(os.path.realpath(self.root))


def _has_usable_name(name: str) -> bool:
    # Routes match no line break, and a name that is not UTF-8 does not survive the way through a URL.
    if "\\" in name or "\n" in name:
        return False
    return name.isascii() or name.encode("utf-8", "replace").decode() == name
