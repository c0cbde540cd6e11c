"""Unfinished downloads on disk: the bytes in `<name>.part`, and a small record of whose they are.

The record lies in a folder of the server, not beside the model. It is written before the first byte and
removed after the last, so that whatever is left of a download can be recognised, resumed or deleted.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Collection
from contextlib import suppress
from io import FileIO
from pathlib import Path

from ..os_support import sync_folder
from ..os_support.linux_files import read_boot_id
from ..schemas.downloads import PartState
from .failures import FileTaken, NotWritten, WrongBytes

_BLOCK = 2**20


class Part:
    """One unfinished download. All methods wait for the disk: call them in a thread, one at a time."""

    def __init__(self, record: Path, state: PartState) -> None:
        self.target = Path(state.path)
        self.path = self.target.with_name(self.target.name + ".part")
        self.state = state
        self.size = 0
        self._record = record
        self._digest = hashlib.sha256()
        self._file: FileIO | None = None

    @property
    def published(self) -> bool:
        """Whether the file has its final name already: an earlier run was killed a moment too early."""
        return self.state.sha256 is not None and self.target.exists()

    @property
    def filled(self) -> bool:
        """Whether nothing is missing."""
        return self.size > 0 and (self.size == self.state.total or self.state.sha256 is not None)

    def open(self) -> None:
        """Make the file, or read what an earlier run left of it. Raises FileTaken."""
        fresh = not self._record.exists()
        if os.path.lexists(self.target):
            raise FileTaken(f"{self.target.name} exists already")
        if fresh and os.path.lexists(self.path):
            raise FileTaken(f"{self.path.name} exists already, and was not made by this server")
        if fresh:
            folders = self.target.parents
            self._save_state(made_folders=tuple(str(folder) for folder in folders if not folder.exists()))
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self.path, "a+b", buffering=0)  # noqa: SIM115 - it stays open
        if self.state.boot not in (None, read_boot_id()):
            self.restart()  # after a power cut, bytes that were not written out may be zeros
        self._file.seek(0)
        while block := self._file.read(_BLOCK):
            self._digest.update(block)
            self.size += len(block)

    def begin(self, etag: str | None, last_modified: str | None, total: int | None) -> None:
        """The first bytes of this version will follow. Raises NotWritten when they will not fit."""
        self.restart()
        free = shutil.disk_usage(self.target.parent).free
        if total is not None and total > free:
            raise NotWritten(
                f"The disk is too full: {self.target.name} has {total} bytes,"
                f" {self.target.parent} has room for {free}"
            )
        self._save_state(
            etag=etag, last_modified=last_modified, total=total, boot=read_boot_id(), sha256=None
        )

    def write(self, block: bytes) -> None:
        """Append bytes and hash them."""
        assert self._file is not None
        if self.state.boot is None:
            self._save_state(boot=read_boot_id())
        rest = memoryview(block)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._digest.update(block)
        self.size += len(block)

    def restart(self) -> None:
        """Empty the file, to begin again from the first byte."""
        assert self._file is not None
        self._file.truncate(0)
        self._digest, self.size = hashlib.sha256(), 0

    def publish(self, sha256: str | None) -> str:
        """Check the bytes and give the file its final name; its hash. Raises WrongBytes, FileTaken."""
        digest = self._digest.hexdigest()
        if sha256 is not None and digest != sha256.lower():
            raise WrongBytes(
                f"{self.target.name} is damaged: its SHA-256 is {digest}, published is {sha256.lower()}"
            )
        self.close()
        self._save_state(sha256=digest)
        _rename(self.path, self.target)
        sync_folder(self.target.parent)
        return digest

    def close(self) -> None:
        """Write out what came, so that it can be trusted even after a power cut."""
        if self._file is not None:
            os.fsync(self._file.fileno())
            self.abandon()
            self._save_state(boot=None)

    def abandon(self) -> None:
        """Close the file without writing anything out."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None

    def discard(self) -> None:
        """Delete the bytes, the record, and folders that were made for them and are empty."""
        self.abandon()
        self.forget()
        for folder in self.state.made_folders:
            with suppress(OSError):
                os.rmdir(folder)  # empty only

    def forget(self) -> None:
        """Delete what is kept beside the published file."""
        self.path.unlink(missing_ok=True)
        self._record.unlink(missing_ok=True)

    def _save_state(self, **values: object) -> None:
        self.state = self.state.model_copy(update=values)
        temporary = self._record.with_suffix(".tmp")
        temporary.write_text(self.state.model_dump_json(), "utf-8")
        os.replace(temporary, self._record)


class PartFolder:
    """The records of all unfinished downloads, by job."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def list_jobs(self) -> list[str]:
        """The jobs that have a record."""
        return [record.stem for record in self._folder.glob("*.json")]

    def find(self, job_id: str) -> Part | None:
        """What an earlier run left of a job; None for nothing, or for a record that cannot be read."""
        record = self._folder / f"{job_id}.json"
        try:
            return Part(record, PartState.model_validate_json(record.read_bytes()))
        except (OSError, ValueError):
            return None

    def create(self, job_id: str, target: Path) -> Part:
        """The part of a job that begins."""
        return Part(self._folder / f"{job_id}.json", PartState(path=str(target)))

    def discard(self, job_ids: Collection[str]) -> None:
        """Delete what is left of these jobs."""
        for job_id in job_ids:
            part = self.find(job_id)
            if part is not None:
                part.discard()
            (self._folder / f"{job_id}.json").unlink(missing_ok=True)


def disk_failure_of(path: str, error: OSError) -> NotWritten:
    """What the system says when a file cannot be written, as a failure of the download."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NotWritten(f"The disk is full: {path} could not be written")
    return NotWritten(f"{path} could not be written: {error.strerror or error}")


def _rename(source: Path, target: Path) -> None:
    """Rename without ever replacing another file."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise FileTaken(f"{target.name} exists already") from None
    except OSError:  # a file system without hard links
        if os.path.lexists(target):
            raise FileTaken(f"{target.name} exists already") from None
        os.rename(source, target)
        return
    os.unlink(source)
