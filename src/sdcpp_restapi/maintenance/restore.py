"""`sdcpp restore`: a backup becomes the data of a server again, on this machine or another one.

Everything is verified, then copied beside what is there, and only then put into place by renames, the
database last. What was there before is kept aside: nothing is deleted.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..config import Paths
from ..errors import SdcppError
from ..lock import DataDirectoryLock
from ..migration import refuse_newer
from ..os_support import sync_disks
from ..outputs.trash import NAME as TRASH
from ..schemas.backups import BackedUpFile, Manifest
from . import database_file
from .backup import CONFIG, DATA_FILES, DATA_FOLDERS
from .backup_folder import MANIFEST, BackupDamaged, find_backup, read_manifest
from .file_copy import copy_file, hash_file
from .job_rows import JOB_ID
from .progress import Tell, tell_nobody

# What a server keeps in its data directory and a backup brings anew.
_DATA = (
    database_file.NAME,
    f"{database_file.NAME}-wal",
    f"{database_file.NAME}-shm",
    "inputs",
    "downloads",
    *DATA_FILES,
    *DATA_FOLDERS,
)
# A start of a server would delete the second one: it takes it for what an attempt of a job left behind.
_UNFINISHED, _UNFINISHED_OUTPUTS = "restore.tmp", ".restore.tmp"
_MOST_NAMED = 3


class RestoreRefused(SdcppError):
    """The backup is not restored"""


@dataclass(frozen=True)
class FinishedRestore:
    """What was restored, and the folders in which is kept what was there before."""

    backup: Path
    manifest: Manifest
    kept_aside: list[Path]
    config: Path | None


def verify_backup(folder: Path, tell: Tell = tell_nobody) -> tuple[Path, Manifest]:
    """The backup in a folder and what it holds, every file read and compared. Raises BackupDamaged."""
    backup = find_backup(folder.expanduser().absolute())
    manifest = read_manifest(backup)
    refuse_newer(manifest.database_version, backup / database_file.NAME)
    if database_file.NAME not in manifest.files:
        raise BackupDamaged(f"{backup / MANIFEST} names no database")
    progress = _Progress("verifying", manifest, tell)
    wrong = [name for name, file in manifest.files.items() if not _is_whole(backup / name, file, progress)]
    if wrong:
        more = f" and {len(wrong) - _MOST_NAMED} more" if len(wrong) > _MOST_NAMED else ""
        raise BackupDamaged(
            f"The backup {backup} is damaged: {', '.join(wrong[:_MOST_NAMED])}{more} are not as written"
        )
    return backup, manifest


def restore_backup(
    folder: Path, paths: Paths, force: bool = False, tell: Tell = tell_nobody
) -> FinishedRestore:
    """Make the newest backup in `folder` the data of a server with these paths.

    `force` keeps aside what is there; without it, it is refused. Raises RestoreRefused, BackupDamaged,
    DataDirectoryBusy and DatabaseTooNew before anything is changed.
    """
    backup, manifest = verify_backup(folder, tell)
    try:
        lock = DataDirectoryLock.take(paths.data_dir, 0)
        try:
            return _Restore(backup, manifest, paths, tell).run(force)
        finally:
            lock.release()
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        raise RestoreRefused(f"The backup is not restored: {what}{error.strerror or error}") from error


class _Restore:
    def __init__(self, backup: Path, manifest: Manifest, paths: Paths, tell: Tell) -> None:
        self._backup = backup
        self._manifest = manifest
        self._data, self._outputs = paths.data_dir, paths.output_dir
        self._new_data = self._data / _UNFINISHED
        self._new_outputs = self._outputs / _UNFINISHED_OUTPUTS
        self._progress = _Progress("copying", manifest, tell)

    def run(self, force: bool) -> FinishedRestore:
        taken = self._list_taken()
        if taken and not force:
            raise RestoreRefused(
                f"There is something already: {', '.join(map(str, taken[:_MOST_NAMED]))}; name other folders,"
                " or keep it aside with --force"
            )
        self._refuse_without_room()
        try:
            self._copy()
            aside = self._keep_aside(taken)
            try:
                self._put_into_place()
            except OSError as error:
                kept = f"; what was there before is in {' and '.join(map(str, aside))}" if aside else ""
                raise RestoreRefused(f"The backup is restored in part: {error}{kept}") from error
        finally:
            shutil.rmtree(self._new_data, ignore_errors=True)
            shutil.rmtree(self._new_outputs, ignore_errors=True)
        config = self._backup / CONFIG
        return FinishedRestore(
            self._backup, self._manifest, aside, config if CONFIG in self._manifest.files else None
        )

    def _list_taken(self) -> list[Path]:
        """What would be overwritten: not what is somebody else's in the output folder."""
        taken = [self._data / name for name in _DATA if (self._data / name).exists()]
        if self._manifest.has_outputs and self._outputs.is_dir():
            taken += [path for path in sorted(self._outputs.iterdir()) if _belongs_to_jobs(path)]
        return taken

    def _refuse_without_room(self) -> None:
        sizes = {self._data: 0, self._outputs: 0}
        for name, file in self._manifest.files.items():
            sizes[self._outputs if name.startswith("outputs/") else self._data] += file.size
        for folder, size in sizes.items():
            existing = next(path for path in (folder, *folder.parents) if path.exists())
            free = shutil.disk_usage(existing).free
            if size > free:
                raise RestoreRefused(f"{folder} needs room for {size} bytes, and the disk has {free}")

    def _copy(self) -> None:
        for folder in (self._new_data, self._new_outputs):
            shutil.rmtree(folder, ignore_errors=True)
        self._new_data.mkdir(mode=0o700)
        in_trash = self._find_trash()
        for name, file in self._manifest.files.items():
            if name != CONFIG:
                self._copy_one(name, file, self._place(name, in_trash))
        database_file.forgive_running(self._new_data / database_file.NAME)

    def _place(self, name: str, in_trash: set[str]) -> Path:
        if not name.startswith("outputs/"):
            return self._new_data / name
        _, job_id, *rest = Path(name).parts
        return self._new_outputs.joinpath(*([TRASH] if job_id in in_trash else []), job_id, *rest)

    def _copy_one(self, name: str, file: BackedUpFile, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        _, sha256 = copy_file(self._backup / name, target, self._progress.advance)
        if sha256 != file.sha256:
            raise BackupDamaged(f"The backup {self._backup} is damaged: {name} is not as written")
        os.utime(target, ns=(file.mtime_ns, file.mtime_ns))
        if name in (database_file.NAME, *DATA_FILES):
            target.chmod(0o600)

    def _find_trash(self) -> set[str]:
        # As the database of the backup says; immutable: nothing may be written beside it.
        address = f"{(self._backup / database_file.NAME).as_uri()}?immutable=1"
        with closing(sqlite3.connect(address, uri=True)) as db:
            return {job_id for (job_id,) in db.execute("SELECT id FROM jobs WHERE place = 'trash'")}

    def _keep_aside(self, taken: list[Path]) -> list[Path]:
        name = f"before-restore-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        # The second one is a dot folder: neither listed nor served.
        places = {self._data: self._data / name, self._outputs: self._outputs / f".{name}"}
        for path in taken:
            places[path.parent].mkdir(mode=0o700, exist_ok=True)
            path.rename(places[path.parent] / path.name)
        return [place for place in places.values() if place.exists()]

    def _put_into_place(self) -> None:
        """The outputs, then the data, at last the database: before it is there, nothing looks restored."""
        self._outputs.mkdir(parents=True, exist_ok=True)
        if self._new_outputs.exists():
            for entry in self._new_outputs.iterdir():
                entry.rename(self._outputs / entry.name)
        sync_disks()
        entries = sorted(self._new_data.iterdir(), key=lambda entry: entry.name == database_file.NAME)
        for entry in entries:
            entry.rename(self._data / entry.name)
        sync_disks()


def _belongs_to_jobs(path: Path) -> bool:
    return bool(JOB_ID.fullmatch(path.name)) or (path.name == TRASH and any(path.iterdir()))


class _Progress:
    """Bytes of a manifest's files."""

    def __init__(self, what: str, manifest: Manifest, tell: Tell) -> None:
        self._what = what
        self._total = sum(file.size for file in manifest.files.values())
        self._done = 0
        self._tell = tell

    def advance(self, size: int) -> None:
        self._done += size
        self._tell(self._what, self._done, self._total)


def _is_whole(path: Path, file: BackedUpFile, progress: _Progress) -> bool:
    try:
        if path.stat().st_size != file.size:
            return False
        return hash_file(path, progress.advance) == file.sha256
    except OSError:
        return False
