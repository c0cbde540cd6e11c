"""The server's side of the cluster."""

from contextlib import AsyncExitStack

from ..cluster.connection import BrokerConnection
from ..cluster.object_files import ObjectFiles
from ..cluster.server.attempt_channels import AttemptChannels
from ..cluster.server.listener import WorkerListener
from ..cluster.server.registry import WorkerRegistry
from ..cluster.server.remote_libraries import RemoteLibraries
from ..cluster.server.remote_slot import RemoteSlotContext
from ..cluster.server.sweeper import Sweeper
from ..config import Settings
from .base import Base
from .slots import Slots


async def open_worker_listener(
    settings: Settings,
    base: Base,
    slots: Slots,
    abroad: RemoteLibraries,
    stack: AsyncExitStack,
) -> WorkerListener | None:
    """Begin to reach the broker, and go on with what workers do since the last run; None without a broker."""
    own = settings.cluster
    if not own.urls:
        return None
    connection = BrokerConnection.open(own, "server")
    stack.push_async_callback(connection.close)
    files = ObjectFiles(connection)
    stack.push_async_callback(files.close)
    inbox = AttemptChannels()
    desk = RemoteSlotContext(
        connection,
        inbox,
        files,
        settings.paths.output_dir,
        base.inputs.files,
        lambda: base.preview.current,
        own.load_timeout,
    )
    sweeper = Sweeper(files, inbox)
    registry = WorkerRegistry(desk, slots.runners, base.bus, slots.revision, sweeper.call, own)
    abroad.workers = registry
    registry.resume(await base.queue.with_workers())
    return WorkerListener(
        connection, inbox, registry, sweeper, base.bus, check_every=min(own.lost_after / 5, 1.0)
    )
