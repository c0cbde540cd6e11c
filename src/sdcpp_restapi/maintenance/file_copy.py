"""Files on their way into a backup and out of it: copied with their SHA-256, or linked to an earlier copy."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from ..schemas.backups import BackedUpFile, Manifest

_BLOCK = 2**20


class BackupWriter:
    """Writes the files of one backup; `files` is what the manifest says of them."""

    def __init__(self, folder: Path, earlier: tuple[Path, Manifest] | None = None) -> None:
        """What is unchanged since the backup `earlier` is linked to its file there, where the disk allows."""
        self._folder = folder
        self._earlier = earlier
        self.files: dict[str, BackedUpFile] = {}
        self.new_bytes = 0

    def add(self, source: Path, name: str) -> None:
        """Copy or link `source` to the path `name` of the backup. Raises OSError."""
        target = self._folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        status = source.stat()
        known = self._link(target, name, status)
        if known is None:
            size, sha256 = copy_file(source, target)
            os.utime(target, ns=(status.st_mtime_ns, status.st_mtime_ns))
            known = BackedUpFile(size=size, mtime_ns=status.st_mtime_ns, sha256=sha256)
            self.new_bytes += size
        self.files[name] = known

    def describe(self, name: str) -> None:
        """Enter a file that was written by other means."""
        path = self._folder / name
        status = path.stat()
        self.files[name] = BackedUpFile(
            size=status.st_size, mtime_ns=status.st_mtime_ns, sha256=hash_file(path)
        )
        self.new_bytes += status.st_size

    def discard(self, prefix: str) -> None:
        """Take back the files below a path."""
        folder = self._folder / prefix
        for path in folder.rglob("*"):
            self.files.pop(path.relative_to(self._folder).as_posix(), None)
        shutil.rmtree(folder, ignore_errors=True)

    def _link(self, target: Path, name: str, status: os.stat_result) -> BackedUpFile | None:
        if self._earlier is None:
            return None
        folder, manifest = self._earlier
        known = manifest.files.get(name)
        if known is None or (known.size, known.mtime_ns) != (status.st_size, status.st_mtime_ns):
            return None
        try:
            if (folder / name).stat().st_size != known.size:
                return None
            os.link(folder / name, target)
        except OSError:
            return None  # another file system, one without links, or too many of them
        return known


def copy_file(source: Path, target: Path, tell: Callable[[int], None] | None = None) -> tuple[int, str]:
    """Copy the content of a file; its bytes and SHA-256. `tell` hears how many bytes came. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    with open(source, "rb") as reading, open(target, "xb") as writing:
        while block := reading.read(_BLOCK):
            writing.write(block)
            digest.update(block)
            size += len(block)
            if tell is not None:
                tell(len(block))
    return size, digest.hexdigest()


def hash_file(path: Path, tell: Callable[[int], None] | None = None) -> str:
    """The SHA-256 of a file. `tell` hears how many bytes were read. Raises OSError."""
    digest = hashlib.sha256()
    with open(path, "rb") as reading:
        while block := reading.read(_BLOCK):
            digest.update(block)
            if tell is not None:
                tell(len(block))
    return digest.hexdigest()


def list_files(folder: Path) -> Iterator[str]:
    """The files in a folder and below, relative to it, without dot files and what lies in dot folders.

    Links to files are files; links to folders are not followed. Raises FileNotFoundError when it is gone.
    """

    def fail(error: OSError) -> None:
        raise error

    for place, folders, files in os.walk(folder, onerror=fail):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(place, name)
            if not name.startswith(".") and path.is_file():
                yield path.relative_to(folder).as_posix()


def is_text(name: str) -> bool:
    """Whether JSON can carry a name: one that is not UTF-8 reaches Python with lone surrogates."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
