"""`sdcpp backup`: the data of a server as they are at one moment, also while it runs.

The database is copied first; the jobs that are in the copy get their files. Whatever the server does
meanwhile only adds files, moves them between the output folder and its trash, or deletes them: a job that is
purged before the backup is whole is taken out of it, and told.
"""

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .. import __version__
from ..config import Paths
from ..migration import read_version
from ..models.catalog_snapshot import CatalogSnapshot
from ..models.folder_scan import scan_folder
from ..models.hash_cache import KnownHash, Version
from ..os_support import sync_disks
from ..outputs.trash import OutputTrash
from ..schemas.backups import BackedUpModel, Manifest
from . import backup_folder as folders
from . import database_file
from .backup_folder import BackupDamaged, BackupFailed
from .file_copy import BackupWriter, is_text, list_files
from .job_rows import JobRow, read_jobs
from .progress import Tell, tell_nobody

# Files of the data directory beside the database, and folders of it that are no job's.
DATA_FILES = ("keys.json",)
DATA_FOLDERS = ("uploads",)
CONFIG = "config.toml"
# Looks for a folder while it moves into the trash and out of it, or while files in it go.
_LOOKS = 5


@dataclass(frozen=True)
class BackupOptions:
    """What goes into a backup besides the database."""

    outputs: bool = True
    config: Path | None = None
    keep: int | None = None


@dataclass(frozen=True)
class FinishedBackup:
    """A whole backup, what it took on the disk, and the earlier ones that made room for it."""

    folder: Path
    manifest: Manifest
    new_bytes: int
    removed: list[Path]


def make_backup(
    paths: Paths, folder: Path, options: BackupOptions, tell: Tell = tell_nobody
) -> FinishedBackup:
    """Make a backup in a new folder below `folder`. Raises BackupFailed and StorageUnavailable."""
    folder = folder.expanduser().absolute()
    if Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(paths.output_dir)):
        raise BackupFailed(f"{folder} is in the output folder, where the server would show it to everybody")
    try:
        with folders.backups_locked(folder):
            return _make_locked(paths, folder, options, tell)
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        raise BackupFailed(f"The backup could not be made: {what}{error.strerror or error}") from error


def _make_locked(paths: Paths, folder: Path, options: BackupOptions, tell: Tell) -> FinishedBackup:
    name = folders.find_free_name(folder, datetime.now(UTC))
    unfinished = folders.unfinished_of(folder, name)
    unfinished.mkdir(mode=0o700)
    try:
        writer = BackupWriter(unfinished, _find_earlier(folder))
        manifest = _Backup(paths, unfinished, writer, options, tell).fill()
        (unfinished / folders.MANIFEST).write_text(manifest.model_dump_json(indent=1), "utf-8")
        sync_disks()
        unfinished.rename(folder / name)
        sync_disks()
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    removed = _remove_old(folder, options.keep)
    return FinishedBackup(folder / name, manifest, writer.new_bytes, removed)


def _find_earlier(folder: Path) -> tuple[Path, Manifest] | None:
    """The newest backup that can be read."""
    for backup in reversed(folders.list_backups(folder)):
        with suppress(BackupDamaged):
            return backup, folders.read_manifest(backup)
    return None


def _remove_old(folder: Path, keep: int | None) -> list[Path]:
    old = folders.list_backups(folder)[:-keep] if keep else []
    for backup in old:
        folders.delete_backup(backup)
    return old


class _Backup:
    def __init__(
        self, paths: Paths, folder: Path, writer: BackupWriter, options: BackupOptions, tell: Tell
    ) -> None:
        self._paths = paths
        self._live = paths.data_dir / database_file.NAME
        self._copy = folder / database_file.NAME
        self._writer = writer
        self._options = options
        self._tell = tell
        self._outputs = OutputTrash(paths.output_dir)
        self._left_out: list[str] = []

    def fill(self) -> Manifest:
        """Put everything into the folder but the manifest."""
        created_at = datetime.now(UTC)
        self._copy.touch(0o600)
        database_file.copy_database(self._live, self._copy, self._tell)
        with database_file.open_for_reading(self._copy) as db:
            database_file.check_version(db, self._live)
            version = read_version(db)
            jobs = [job for job in read_jobs(db) if job.place != "gone"]
            models = self._list_models(db.execute("SELECT path, size, mtime_ns, sha256 FROM model_digests"))
        self._copy_files_of(jobs)
        self._copy_data()
        purged = self._take_out_purged(jobs)
        self._writer.describe(database_file.NAME)
        return Manifest(
            release=__version__,
            database_version=version,
            created_at=created_at,
            has_outputs=self._options.outputs,
            jobs=len(jobs) - len(purged),
            files=dict(sorted(self._writer.files.items())),
            models=models,
            deleted_meanwhile=purged,
            missing=self._find_missing(jobs, set(purged)) if self._options.outputs else [],
            left_out=self._left_out,
        )

    def _copy_files_of(self, jobs: list[JobRow]) -> None:
        for number, job in enumerate(jobs):
            self._tell("copying files of jobs", number, len(jobs))
            if self._options.outputs and job.outputs:
                self._copy_folder(self._outputs.folders(job.id), f"outputs/{job.id}/")
            self._copy_folder([self._paths.data_dir / "inputs" / job.id], f"inputs/{job.id}/")

    def _copy_folder(self, places: list[Path], prefix: str) -> None:
        """Copy a folder from that of the places where it is; it may move from one to another meanwhile."""
        for folder in places * _LOOKS:
            if not folder.is_dir():
                continue
            try:
                for name in list_files(folder):
                    if is_text(name):
                        self._writer.add(folder / name, prefix + name)
                    else:
                        self._left_out.append(ascii(f"{prefix}{name}"))
            except FileNotFoundError:
                self._writer.discard(prefix)
            else:
                return

    def _copy_data(self) -> None:
        data_dir = self._paths.data_dir
        for name in DATA_FILES:
            with suppress(FileNotFoundError):
                self._writer.add(data_dir / name, name)
        for name in DATA_FOLDERS:
            self._copy_folder([data_dir / name], f"{name}/")
        if self._options.config is not None:
            self._writer.add(self._options.config, CONFIG)

    def _take_out_purged(self, jobs: list[JobRow]) -> list[str]:
        """Jobs that were purged meanwhile, some of whose files may have been copied."""
        purged = database_file.find_purged(self._live, (job.id for job in jobs))
        for job_id in purged:
            self._writer.discard(f"outputs/{job_id}/")
            self._writer.discard(f"inputs/{job_id}/")
        database_file.mark_gone(self._copy, purged)
        return purged

    def _find_missing(self, jobs: list[JobRow], purged: set[str]) -> list[str]:
        outputs = (path for job in jobs if job.id not in purged for path in job.outputs)
        return [path for path in outputs if f"outputs/{path}" not in self._writer.files]

    def _list_models(self, digests: Iterable[tuple[str, int, int, str]]) -> list[BackedUpModel]:
        known = {path: KnownHash(Version(size, date), sha256) for path, size, date, sha256 in digests}
        model_folders = self._paths.model_folders()
        scans = {kind: scan_folder(folder) for kind, folder in model_folders.items()}
        snapshot = CatalogSnapshot(model_folders, scans, known)
        return [
            BackedUpModel(type=entry.type, name=entry.name, size=entry.size_bytes, sha256=entry.hash)
            for entries in snapshot.entries.values()
            for entry in entries
        ]
