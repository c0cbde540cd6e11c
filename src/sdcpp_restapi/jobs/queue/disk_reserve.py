"""Room that jobs leave on the disks: none is accepted while less is free."""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

from ...errors import DiskFull


class DiskReserve:
    """The setting limits.min_free_disk_mb for some folders; 0 asks no disk."""

    def __init__(self, megabytes: int, folders: Sequence[Path]) -> None:
        self._megabytes = megabytes
        self._folders = folders

    async def check(self) -> None:
        """Raises DiskFull, naming the folder, where the reserve is reached."""
        if self._megabytes > 0:
            await asyncio.to_thread(self._check)

    def _check(self) -> None:
        for folder in self._folders:
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
