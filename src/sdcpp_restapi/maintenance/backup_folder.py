"""A folder of backups: each in a folder of its own, which has its name only once it is whole."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from ..errors import SdcppError
from ..os_support import lock_exclusively
from ..schemas.backups import Manifest

MANIFEST = "manifest.json"
_PREFIX = "sdcpp-"
_LOCK = ".lock"


class BackupFailed(SdcppError):
    """The backup could not be made"""


class BackupDamaged(SdcppError):
    """The backup is damaged"""


@contextmanager
def backups_locked(folder: Path) -> Iterator[None]:
    """Make the folder, and keep other backups out of it for the block. What a kill left half done is deleted.

    Raises BackupFailed, OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / _LOCK).open("a", encoding="utf-8") as lock:
        try:
            lock_exclusively(lock)
        except BlockingIOError:
            raise BackupFailed(f"Another backup is being made in {folder}") from None
        for unfinished in folder.glob(f".{_PREFIX}*.tmp"):
            shutil.rmtree(unfinished)
        yield


def list_backups(folder: Path) -> list[Path]:
    """The whole backups in a folder, oldest first."""
    return sorted(path.parent for path in folder.glob(f"{_PREFIX}*/{MANIFEST}"))


def find_free_name(folder: Path, moment: datetime) -> str:
    """A name for the backup of this moment: names sort by time, and no two are the same."""
    while (folder / (name := f"{_PREFIX}{moment:%Y%m%dT%H%M%S}.{moment.microsecond // 1000:03}Z")).exists():
        moment += timedelta(milliseconds=1)
    return name


def unfinished_of(folder: Path, name: str) -> Path:
    """Where the backup with this name is made."""
    return folder / f".{name}.tmp"


def delete_backup(backup: Path) -> None:
    """Delete a backup, which is no whole one from the first moment on."""
    unfinished = unfinished_of(backup.parent, backup.name)
    backup.rename(unfinished)
    shutil.rmtree(unfinished)


def find_backup(folder: Path) -> Path:
    """The backup that a user means: the folder itself, or the newest in it. Raises BackupDamaged."""
    if (folder / MANIFEST).is_file():
        return folder
    found = list_backups(folder)
    if not found:
        raise BackupDamaged(f"{folder} is no backup and has none in it: there is no {MANIFEST}")
    return found[-1]


def read_manifest(backup: Path) -> Manifest:
    """What a backup holds. Raises BackupDamaged."""
    path = backup / MANIFEST
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.strerror
        raise BackupDamaged(f"{path} cannot be read: {reason}") from error
    for name in manifest.files:
        parts = Path(name).parts
        if Path(name).is_absolute() or ".." in parts or "\0" in name:
            raise BackupDamaged(f"{path} names the file {name!r}, which leads out of the backup")
    return manifest
