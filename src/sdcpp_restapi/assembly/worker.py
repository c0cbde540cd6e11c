"""The composition root of a worker: opens its parts one after the other, closes them in reverse."""

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from ..cluster.connection import BrokerConnection
from ..cluster.object_files import ObjectFiles
from ..cluster.worker.agent import WorkerAgent, worker_name
from ..cluster.worker.attempt_runner import AssignedPreview, AttemptRunner, WorkerFiles
from ..cluster.worker.consumer import JobConsumer
from ..cluster.worker.engines import Engines
from ..cluster.worker.forwarding_event_bus import ForwardingEventBus
from ..cluster.worker.rpc import RpcServer
from ..config import Settings
from ..models.library import Machine
from ..schemas.upscaling import UpscalerRequest
from ..slots.executor import sweep
from .base import open_database, open_inputs
from .models import open_library
from .slots import open_executors, open_slots


@dataclass(frozen=True)
class Worker:
    """What a worker's process runs."""

    engines: Engines
    agent: WorkerAgent

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.engines.run())
            tasks.create_task(self.agent.run())


class NoRemoteModels:
    """The RemoteModels of a worker, which knows no other machine."""

    revision = 0

    def machines(self) -> Sequence[Machine]:
        """None."""
        return ()


async def open_worker(settings: Settings, stack: AsyncExitStack) -> Worker:
    """Reach the broker and claim the worker's name there; no job is taken before it runs.

    Waits for a broker that is away. Raises CredentialsUnusable and NameTaken.
    """
    name = worker_name(settings.cluster.name)
    announcement_due = asyncio.Event()
    connection = BrokerConnection.open(settings.cluster, f"worker {name}")
    stack.push_async_callback(connection.close)
    database = await open_database(settings, stack)
    library = await open_library(settings, database, NoRemoteModels(), stack)
    slots = open_slots(settings, ForwardingEventBus(name, connection, announcement_due), library, stack)
    inputs, output_dir = open_inputs(settings), settings.paths.data_dir / "outputs"
    # Outputs of attempts that a kill broke off.
    await asyncio.to_thread(shutil.rmtree, output_dir, ignore_errors=True)
    await sweep(output_dir, [], library.places.listed)
    previews = [AssignedPreview() for _ in slots]
    executors = open_executors(
        slots, output_dir, library, inputs, [preview.get for preview in previews], _keep_current_upscaler
    )
    store = ObjectFiles(connection)
    runners = [
        AttemptRunner(
            worker=name,
            executor=executor,
            connection=connection,
            files=WorkerFiles(store, inputs, output_dir),
            preview=preview,
            announcement_due=announcement_due,
        )
        for executor, preview in zip(executors, previews, strict=True)
    ]
    consumers = [
        JobConsumer(worker=name, number=number, runner=runner, connection=connection)
        for number, runner in enumerate(runners)
    ]
    rpc = RpcServer(
        name=name,
        connection=connection,
        slots=slots,
        runners=runners,
        library=library.library,
        inspector=library.inspector,
        announcement_due=announcement_due,
    )
    await rpc.claim_name()
    engines = Engines(slots)
    agent = WorkerAgent(
        name=name,
        connection=connection,
        files=store,
        slots=slots,
        runners=runners,
        consumers=consumers,
        rpc=rpc,
        library=library.library,
        engines=engines,
        announcement_due=announcement_due,
        announce_every=settings.cluster.announce_every,
    )
    return Worker(engines, agent)


async def _keep_current_upscaler(_upscaler: UpscalerRequest) -> None:
    """The server's current upscaler stays what it is when a job frees that of a worker."""
