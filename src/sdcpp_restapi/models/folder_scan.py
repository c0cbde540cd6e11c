"""Reading a folder of models, and detecting with a few stats whether it changed since."""

import os
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..schemas.model_types import EXTENSIONS

# Links may cross so that few folders have very many names; past this the rest is left unread.
MOST_DIRECTORIES = 10_000

# A folder touched so shortly before it was read may change again without a new time stamp (file systems
# count in steps of up to two seconds), so that it is read again instead of believed.
_RACY_NS = 2_000_000_000

_MISSING = -1
_UNCERTAIN = -2


class ModelFile(NamedTuple):
    """A file: name relative to the folder, with forward slashes; size in bytes; time of the last change."""

    name: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class FolderScan:
    """What one folder held: files sorted by name (case-insensitive), and what could not be read."""

    files: tuple[ModelFile, ...]
    problems: tuple[str, ...]
    stamps: Mapping[str, int]

    def has_changed(self) -> bool:
        """Whether a file came, went or was renamed since. A file that only grew is not noticed."""
        return any(_read_stamp(path) != stamp for path, stamp in self.stamps.items())


class _Directory(NamedTuple):
    path: str
    prefix: str
    ancestors: tuple[tuple[int, int], ...]


@dataclass
class _Walk:
    started: int
    files: list[ModelFile] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    stamps: dict[str, int] = field(default_factory=dict)

    def read(self, directory: _Directory) -> Iterator[_Directory]:
        """Take in the files of `directory` and yield its folders, links to folders included."""
        status = os.stat(directory.path)
        identity = (status.st_dev, status.st_ino)
        if identity in directory.ancestors:
            return  # a link to a folder that leads here
        racy = abs(self.started - status.st_mtime_ns) < _RACY_NS
        self.stamps[directory.path] = _UNCERTAIN if racy else status.st_mtime_ns
        below = (*directory.ancestors, identity)
        with os.scandir(directory.path) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and not entry.name.lower().endswith(".part"):
                    try:
                        if self._is_folder(entry, directory.prefix):
                            yield _Directory(entry.path, f"{directory.prefix}{entry.name}/", below)
                    except OSError as error:
                        self.problems.append(_describe_error(entry.path, error))

    def _is_folder(self, entry: os.DirEntry[str], prefix: str) -> bool:
        if not _is_text(entry.name):
            self.problems.append(f"{os.fsencode(entry.path)!r}: the name is not valid Unicode")
            return False
        if entry.is_dir():
            return True
        if entry.is_symlink():
            entry.stat()  # a broken link raises here
        if os.path.splitext(entry.name)[1].lower() in EXTENSIONS and entry.is_file():
            status = entry.stat()
            self.files.append(ModelFile(prefix + entry.name, status.st_size, status.st_mtime_ns))
        return False


def scan_folder(folder: Path) -> FolderScan:
    """Read `folder` and everything below it; links keep their own name.

    Never fails: what cannot be read is named in `problems`. A folder that does not exist is empty.
    """
    walk = _Walk(time.time_ns())
    root = str(folder)
    pending = [_Directory(root, "", ())]
    if not os.path.lexists(root):
        walk.stamps[root] = _MISSING
        pending.clear()
    while pending:
        if len(walk.stamps) >= MOST_DIRECTORIES:
            walk.problems.append(f"{root}: more than {MOST_DIRECTORIES} folders, the rest was not read")
            break
        directory = pending.pop()
        try:
            pending.extend(walk.read(directory))
        except OSError as error:
            walk.stamps.setdefault(directory.path, _read_stamp(directory.path))
            walk.problems.append(_describe_error(directory.path, error))
    files = sorted(walk.files, key=lambda file: (file.name.casefold(), file.name))
    return FolderScan(tuple(files), tuple(sorted(walk.problems)), walk.stamps)


def _read_stamp(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return _MISSING


def _describe_error(path: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError) and _is_link(path):
        return f"{path}: the link leads nowhere"
    return f"{path}: {error.strerror or error}"


def _is_link(path: str) -> bool:
    try:
        return stat.S_ISLNK(os.lstat(path).st_mode)
    except OSError:
        return False


def _is_text(name: str) -> bool:
    # Names that are not UTF-8 reach Python with lone surrogates, which no JSON can carry.
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
