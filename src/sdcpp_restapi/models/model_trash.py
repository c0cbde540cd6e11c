"""Deleted model files: in `.trash/<id>/` of their type's folder until they are restored or purged.

Listings leave such folders out. A record beside the files tells what they are.
"""

import asyncio
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from uuid import uuid4

from ..schemas.model_housekeeping import TrashedModel, UserNotes
from ..schemas.model_types import ModelType
from .file_moves import move_model, remove_empty_folders, shares_stem, size_of
from .sidecars import list_sidecars

log = logging.getLogger(__name__)

FOLDER = ".trash"
# Not the name of a sidecar.
RECORD = ".record.json"
# Seconds between two looks at what has been there long enough.
INTERVAL = 600.0


class ModelTrash:
    """The trash of all model folders."""

    def __init__(
        self,
        folders: Mapping[ModelType, Path],
        days: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`days`: how long a model stays."""
        self._folders = folders
        self.days = days
        self._now = now

    async def keep(self) -> None:
        """Purge what has been there long enough, now and every ten minutes, for ever."""
        while True:
            try:
                gone = await asyncio.to_thread(self.purge_old)
                for one in gone:
                    log.info("%s %s is gone after %g days in the trash", one.type, one.name, self.days)
            except Exception:
                log.exception("the trash of models could not be emptied")
            await asyncio.sleep(INTERVAL)

    # ------------------------------------------------------------ all below wait for the disk

    def list_models(self) -> list[TrashedModel]:
        """What is in the trash, the last deleted first. Type folders may be one and the same."""
        folders = dict.fromkeys(folder / FOLDER for folder in self._folders.values())
        found = [
            record
            for folder in folders
            for place, record in _read_records(folder)
            if self._place_of(record) == place
        ]
        return sorted(found, key=lambda one: one.deleted_at, reverse=True)

    def find(self, trash_id: str) -> TrashedModel | None:
        """What is there under this id."""
        return next((one for one in self.list_models() if one.id == trash_id), None)

    def put(
        self, kind: ModelType, name: str, path: Path, sha256: str | None, notes: UserNotes
    ) -> TrashedModel:
        """Move a model and its sidecars here. Raises OSError; then nothing was moved."""
        record = TrashedModel(
            id=uuid4().hex,
            type=kind,
            name=name,
            size_bytes=size_of([path, *list_sidecars(path)]),
            deleted_at=self._now(),
            files=[path.name, *(one.name for one in ([] if shares_stem(path) else list_sidecars(path)))],
            hash=sha256,
            notes=notes,
        )
        place = self._place_of(record)
        place.mkdir(parents=True)
        try:
            (place / RECORD).write_text(record.model_dump_json(indent=2), "utf-8")
            if shares_stem(path):
                os.rename(path, place / path.name)  # what lies beside it belongs to another model too
            else:
                move_model(path, place / path.name)
        except OSError:
            shutil.rmtree(place, ignore_errors=True)
            raise
        remove_empty_folders(path.parent, self._folders[kind])
        return record

    def restore(self, record: TrashedModel) -> Path:
        """Bring a model back to its old name. Raises FileExistsError, OSError."""
        place = self._place_of(record)
        target = self._folders[record.type] / record.name
        move_model(place / target.name, target)
        shutil.rmtree(place, ignore_errors=True)
        return target

    def purge(self, record: TrashedModel) -> None:
        """Delete a model for good. Raises OSError."""
        shutil.rmtree(self._place_of(record))

    def purge_old(self) -> list[TrashedModel]:
        """Purge what has been here for longer than `days`; what went."""
        moment = self._now() - timedelta(days=self.days)
        old = [one for one in self.list_models() if one.deleted_at < moment]
        for one in old:
            self.purge(one)
        return old

    def _place_of(self, record: TrashedModel) -> Path:
        return self._folders[record.type] / FOLDER / record.id


def _read_records(folder: Path) -> Iterator[tuple[Path, TrashedModel]]:
    try:
        places = [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return  # nothing was deleted yet
    for place in places:
        try:
            record = TrashedModel.model_validate_json((place / RECORD).read_bytes())
        except (OSError, ValueError):
            continue
        # A name leads to a place in the folder: one that somebody wrote there must not lead out of it.
        name = PurePosixPath(record.name)
        if not name.is_absolute() and ".." not in name.parts:
            yield place, record
