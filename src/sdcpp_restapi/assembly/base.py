"""What everything else stands on: the database, events, the queue."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from ..access.access import Access
from ..config import Settings
from ..db import Database
from ..decoding import Decoding, return_large_blocks
from ..events import EventBus
from ..jobs.input_images import InputStore
from ..jobs.queue.disk_reserve import DiskReserve
from ..jobs.queue.ordering import OrderingRules
from ..jobs.queue.queue import Queue
from ..jobs.queue.quotas import QuotaLimits
from ..jobs.queue.store import JobStore
from ..outputs.owners import FolderOwners
from ..preferences import Preferences, PreviewPreference
from ..schemas.jobs import Params


@dataclass(frozen=True)
class Base:
    """Opened first, closed last."""

    database: Database
    access: Access
    preferences: Preferences
    preview: PreviewPreference
    bus: EventBus
    store: JobStore
    queue: Queue
    owners: FolderOwners
    inputs: InputStore
    decoding: Decoding


async def open_base(
    settings: Settings, check: Callable[[Params], Awaitable[None]], stack: AsyncExitStack
) -> Base:
    """Open the database and put the queue in order; `check` refuses what no job may ask for."""
    database = await open_database(settings, stack)
    access = Access(settings)
    await access.open(database)
    preferences = Preferences(database)
    bus = EventBus()
    store = JobStore(database, _ordering_rules(settings), settings.limits.max_pending)
    paths = settings.paths
    reserve = DiskReserve(
        settings.limits.min_free_disk_mb, (paths.data_dir, paths.output_dir), paths.model_folders()
    )
    queue = Queue(store, bus, reserve, check, lambda user: _limits_of(access, user))
    owners = FolderOwners(paths.data_dir / "sdcpp.db")
    stack.callback(owners.close)
    decoding = open_decoding(settings, stack)
    await queue.recover(with_workers=bool(settings.cluster.urls))
    return Base(
        database=database,
        access=access,
        preferences=preferences,
        preview=await PreviewPreference.read(preferences, settings.preview.share),
        bus=bus,
        store=store,
        queue=queue,
        owners=owners,
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


def _limits_of(access: Access, user: str) -> QuotaLimits:
    quota = access.users.quota_of(user)
    gigabytes = quota.max_gigabytes
    return QuotaLimits(quota.max_pending, None if gigabytes is None else round(gigabytes * 10**9))


def _ordering_rules(settings: Settings) -> OrderingRules:
    local = 1 if settings.engine.devices is None else len(settings.engine.devices)
    several = local > 1 or bool(settings.cluster.urls)
    fairness = settings.queue.fairness
    return OrderingRules(
        turns_of=None if fairness == "fifo" else fairness,
        patience=settings.queue.patience(2 if several else 1),
    )
