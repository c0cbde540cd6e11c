"""The server's side of the cluster."""

from contextlib import AsyncExitStack

from ..cluster.connection import BrokerConnection
from ..cluster.object_files import ObjectFiles
from ..cluster.server.attempt_channels import AttemptChannels
from ..cluster.server.known_workers import KnownWorkers
from ..cluster.server.listener import WorkerListener
from ..cluster.server.registry import WorkerRegistry
from ..cluster.server.remote_slot import RemoteSlotContext
from ..cluster.server.sweeper import Sweeper
from ..config import Settings
from .base import Base
from .slots import Slots


async def open_worker_listener(
    *,
    settings: Settings,
    base: Base,
    slots: Slots,
    workers: KnownWorkers,
    stack: AsyncExitStack,
) -> WorkerListener:
    """Connect to the broker, and go on with jobs that workers run since the last run.

    `workers` is filled by the registry from now on. Raises CredentialsUnusable.
    """
    cluster = settings.cluster
    connection = BrokerConnection.open(cluster, "server")
    stack.push_async_callback(connection.close)
    files, channels = ObjectFiles(connection), AttemptChannels()
    sweeper = Sweeper(files, channels)
    stack.push_async_callback(sweeper.close)
    context = RemoteSlotContext(
        connection=connection,
        channels=channels,
        files=files,
        sweeper=sweeper,
        output_dir=settings.paths.output_dir,
        inputs=base.inputs,
        preview=base.preview,
        preview_demand=base.bus.preview_demand,
        load_timeout=cluster.load_timeout,
    )
    registry = WorkerRegistry(
        workers=workers,
        context=context,
        runners=slots.runners,
        bus=base.bus,
        settings=cluster,
    )
    registry.resume(await base.queue.with_workers())
    return WorkerListener(
        connection=connection,
        channels=channels,
        registry=registry,
        sweeper=sweeper,
        bus=base.bus,
        check_every=min(cluster.lost_after / 5, 1.0),
    )
