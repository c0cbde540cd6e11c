"""What everything else stands on: the database, events, the queue."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from ..config import Settings
from ..db import Database
from ..decoding import Decoding, return_large_blocks
from ..events import EventBus
from ..jobs.input_images import InputStore
from ..jobs.queue.disk_reserve import DiskReserve
from ..jobs.queue.ordering import OrderingRules
from ..jobs.queue.queue import Queue
from ..jobs.queue.store import JobStore
from ..preferences import Preferences, PreviewPreference


@dataclass(frozen=True)
class Base:
    """Opened first, closed last."""

    database: Database
    preferences: Preferences
    preview: PreviewPreference
    bus: EventBus
    store: JobStore
    queue: Queue
    inputs: InputStore
    decoding: Decoding


async def open_base(settings: Settings, stack: AsyncExitStack) -> Base:
    """Open the database and put the queue in order."""
    database = await open_database(settings, stack)
    preferences = Preferences(database)
    bus = EventBus()
    store = JobStore(database, _ordering_rules(settings))
    paths = settings.paths
    reserve = DiskReserve(settings.limits.min_free_disk_mb, (paths.data_dir, paths.output_dir))
    queue = Queue(store, bus, reserve)
    decoding = open_decoding(settings, stack)
    await queue.recover(with_workers=bool(settings.cluster.urls))
    return Base(
        database=database,
        preferences=preferences,
        preview=await PreviewPreference.read(preferences),
        bus=bus,
        store=store,
        queue=queue,
        inputs=open_inputs(settings, decoding),
        decoding=decoding,
    )


async def open_database(settings: Settings, stack: AsyncExitStack) -> Database:
    """The database in the data directory."""
    database = await Database.open(settings.paths.data_dir / "sdcpp.db")
    stack.push_async_callback(database.close)
    return database


def open_decoding(settings: Settings, stack: AsyncExitStack) -> Decoding:
    """Where pictures are decoded."""
    return_large_blocks()
    decoding = Decoding(settings.limits.max_pixels_at_once)
    stack.callback(decoding.close)
    return decoding


def open_inputs(settings: Settings, decoding: Decoding) -> InputStore:
    """The folder of input images."""
    return InputStore(settings.paths.data_dir / "inputs", settings.limits.max_image_pixels, decoding)


def _ordering_rules(settings: Settings) -> OrderingRules:
    local = 1 if settings.engine.devices is None else len(settings.engine.devices)
    several = local > 1 or bool(settings.cluster.urls)
    return OrderingRules(
        by_client=settings.queue.fairness == "client", patience=settings.queue.patience(2 if several else 1)
    )
