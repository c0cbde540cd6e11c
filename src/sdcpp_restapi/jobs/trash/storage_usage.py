"""What the files of jobs take on disk.

A job is measured once, after its end, and its row keeps the bytes. All the rest is a sum over an index:
nobody walks through 10,000 folders.
"""

import asyncio
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from ...errors import StorageUnavailable
from ...outputs.trash import OutputTrash
from ...schemas.trash import Storage
from ..input_images import InputStore
from .store import Sizes, TrashStore

log = logging.getLogger(__name__)

# Seconds from a change of the queue until /health shows it, and between looks at the disks in any case.
INTERVAL, LONGEST_INTERVAL = 2.0, 60.0
BATCH = 200


class StorageUsage:
    """The newest measurement, for /health to show without asking the disk or the database."""

    def __init__(
        self, store: TrashStore, outputs: OutputTrash, inputs: InputStore, models_dir: Path, output_dir: Path
    ) -> None:
        self._store = store
        self._outputs = outputs
        self._inputs = inputs
        self._models_dir = models_dir
        self._output_dir = output_dir
        self.current: Storage | None = None

    async def keep_current(self, revision: Callable[[], int]) -> None:
        """Measure again soon after `revision` changed, for ever."""
        while True:
            seen = revision()
            try:
                await self.measure()
            except StorageUnavailable as error:
                log.warning("disk usage could not be measured: %s", error)
            except Exception:
                log.exception("disk usage could not be measured")
            for _ in range(int(LONGEST_INTERVAL / INTERVAL)):
                await asyncio.sleep(INTERVAL)
                if revision() != seen:
                    break

    async def measure(self) -> None:
        """Measure the jobs that ended since, and the disks."""
        while ids := await self._store.list_unmeasured(BATCH):
            await self._store.keep_sizes(await asyncio.to_thread(self._measure, ids))
        sizes = await self._store.sizes()
        # A network share that is gone can hang here for minutes: this thread, nobody else.
        models_free, outputs_free = await asyncio.to_thread(self._free)
        queue, trash, gone = (sizes.get(place, Sizes()) for place in ("queue", "trash", "gone"))
        self.current = Storage(
            outputs_bytes=queue.outputs,
            trash_bytes=trash.outputs + gone.outputs,
            inputs_bytes=queue.inputs + trash.inputs + gone.inputs,
            models_disk_free_bytes=models_free,
            outputs_disk_free_bytes=outputs_free,
        )

    def _measure(self, ids: Iterable[str]) -> dict[str, Sizes]:
        return {
            job_id: Sizes(
                outputs=sum(bytes_in(folder) for folder in self._outputs.folders(job_id)),
                inputs=bytes_in(self._inputs.folder(job_id)),
            )
            for job_id in ids
        }

    def _free(self) -> tuple[int | None, int | None]:
        return _free(self._models_dir), _free(self._output_dir)


def bytes_in(folder: Path) -> int:
    """The files of a folder, without those of folders within it."""
    total = 0
    try:
        for entry in os.scandir(folder):
            if entry.is_file(follow_symlinks=False):
                total += entry.stat(follow_symlinks=False).st_size
    except OSError:
        pass  # most jobs have no inputs, and failed ones no outputs
    return total


def _free(folder: Path) -> int | None:
    """Bytes that are left on the disk that has a folder, or would have it; None where it can't be asked."""
    try:
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        return shutil.disk_usage(existing).free
    except OSError:
        return None
