"""Jobs and files that go."""

from dataclasses import dataclass

from ..config import Settings
from ..jobs.trash.retention import Retention
from ..jobs.trash.storage_usage import StorageUsage
from ..jobs.trash.store import TrashStore
from ..jobs.trash.trash import Trash
from ..outputs.trash import OutputTrash
from ..slots.journals import Journals
from .base import Base


@dataclass(frozen=True)
class Housekeeping:
    """The trash, what is in use, what is too old."""

    trash: Trash
    usage: StorageUsage
    retention: Retention


async def open_housekeeping(settings: Settings, base: Base, journals: Journals) -> Housekeeping:
    """Put right what an unclean stop left behind."""
    paths = settings.paths
    store, outputs = TrashStore(base.database), OutputTrash(paths.output_dir)
    trash = Trash(store, outputs, base.inputs, journals, base.queue, base.bus)
    await trash.repair()
    usage = StorageUsage(store, outputs, base.inputs, paths.models_dir, paths.output_dir)
    return Housekeeping(trash, usage, Retention(store, trash, usage, settings.retention))
