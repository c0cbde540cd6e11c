"""Room that jobs leave on the disks: none is accepted while less is free."""

import asyncio
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ...errors import DiskFull
from ...schemas.conversion import ConvertRequest
from ...schemas.downloads import DownloadRequest
from ...schemas.jobs import Params
from ...schemas.model_types import ModelType


class DiskReserve:
    """The setting limits.min_free_disk_mb; 0 asks no disk."""

    def __init__(
        self, megabytes: int, folders: Sequence[Path], model_folders: Mapping[ModelType, Path] | None = None
    ) -> None:
        """`folders`: what every job writes to. `model_folders`: where downloads and conversions write."""
        self._megabytes = megabytes
        self._folders = folders
        self._model_folders = model_folders or {}

    async def check(self, params: Params | None = None) -> None:
        """Raises DiskFull, naming the folder, where the reserve is reached; without a job, for an upload."""
        if self._megabytes > 0:
            await asyncio.to_thread(self._check, [*self._folders, *self._list_targets(params)])

    def _list_targets(self, params: Params | None) -> Iterable[Path]:
        match params:
            case DownloadRequest():
                return filter(None, [self._model_folders.get(params.model_type)])
            case ConvertRequest():
                return self._model_folders.values()  # beside its input, unless it names another place
            case _:
                return ()

    def _check(self, folders: Iterable[Path]) -> None:
        for folder in dict.fromkeys(folders):
            free = _free_megabytes(folder)
            if free < self._megabytes:
                raise DiskFull(
                    f"The disk is full: {folder} has {free} MB left, and limits.min_free_disk_mb keeps"
                    f" {self._megabytes} MB free"
                )


NO_RESERVE = DiskReserve(0, ())


def _free_megabytes(folder: Path) -> int:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent  # it is made with its first file
    return shutil.disk_usage(folder).free // 2**20
