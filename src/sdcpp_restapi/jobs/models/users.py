"""Who uses a model file: slots that hold it, and jobs that wait or run with it."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from ...db import Database
from ...errors import NoModelLoaded
from ...models.required_files import files_of
from ...schemas.model_types import EXTENSIONS, ModelType
from ...schemas.models import LoadRequest
from ...schemas.required_files import RequiredFiles
from ...slots.current_model import CurrentModel
from ...slots.current_upscaler import CurrentUpscaler
from ...slots.slot import Slot

MOST_NAMED = 5


class ModelUsers:
    """Finds what a change of a file would break."""

    def __init__(
        self,
        *,
        database: Database,
        slots: Sequence[Slot],
        model: CurrentModel,
        upscaler: CurrentUpscaler,
    ) -> None:
        """`slots`: those of this machine."""
        self._database = database
        self._slots = slots
        self._model = model
        self._upscaler = upscaler

    async def find(self, kind: ModelType, name: str, path: Path) -> list[str]:
        """Sentences on slots and jobs; at most MOST_NAMED jobs are named, the rest is counted."""
        loaded = list(self._describe_loaded(kind, name))
        if kind == "esrgan" and self._upscaler.name == name:
            loaded.append("the loaded upscaler")
        jobs = await self._list_jobs(kind, name, path)
        more = len(jobs) - MOST_NAMED
        named = [f"job {job_id} ({status})" for job_id, status in jobs[:MOST_NAMED]]
        return [*dict.fromkeys(loaded), *named, *([f"{more} more jobs"] if more > 0 else [])]

    def _describe_loaded(self, kind: ModelType, name: str) -> Iterator[str]:
        for model in self._list_loaded():
            for file in files_of(model):
                if kind in file.types and file.name == name:
                    yield (
                        "the loaded model"
                        if file.role == "model"
                        else (f"the {file.role} of the loaded model {model.model_name}")
                    )

    def _list_loaded(self) -> list[LoadRequest]:
        """What slots hold or read, and what they will read again when they come up."""
        models = [model for slot in self._slots for model in (slot.loaded, slot.loading) if model]
        with suppress(NoModelLoaded):
            models.append(self._model.require())
        return models

    async def _list_jobs(self, kind: ModelType, name: str, path: Path) -> list[tuple[str, str]]:
        rows = await self._database.read(_read_unfinished)
        return [(row["id"], row["status"]) for row in rows if _needs(row, kind, name, path)]


def _read_unfinished(db: sqlite3.Connection) -> list[sqlite3.Row]:
    return db.execute(
        "SELECT id, status, needs, json_extract(params, '$.input_path') AS input,"
        " json_extract(params, '$.vae_path') AS vae FROM jobs"
        " WHERE lane = 'engine' AND status IN ('pending', 'processing') ORDER BY seq"
    ).fetchall()


def _needs(row: sqlite3.Row, kind: ModelType, name: str, path: Path) -> bool:
    if name in (row["input"], row["vae"]) or str(path) in (row["input"], row["vae"]):
        return True
    needs = RequiredFiles.model_validate_json(row["needs"])
    return any(kind in file.kinds and is_same_name(file.name, name) for file in needs.files)


def is_same_name(asked: str, name: str) -> bool:
    """Whether a request that names `asked` means the file `name`: LoRAs may lack their extension."""
    if asked == name:
        return True
    listed = PurePosixPath(name)
    return listed.suffix.lower() in EXTENSIONS and asked == str(listed.with_suffix(""))
