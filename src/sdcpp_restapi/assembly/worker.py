"""The composition root of a worker: opens its parts one after the other, closes them in reverse."""

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

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
from ..slots.engine_slot import EngineSlot
from ..slots.executor import EngineExecutor, sweep_broken_attempts
from ..slots.journals import Journals
from .base import open_database, open_decoding, open_inputs
from .models import Models, open_models
from .slots import open_executor, open_journals, open_slots

# Seconds that a worker keeps the journal of a job that it lost: the server may send the job here again.
JOURNAL_AGE = 24 * 3600.0


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
        """No machine ever: a worker runs only what it has the files for."""
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
    models = await open_models(settings, database, NoRemoteModels(), stack)
    bus = ForwardingEventBus(name, connection, announcement_due)
    slots = open_slots(settings, bus, models, stack)
    store = ObjectFiles(connection)
    files = WorkerFiles(
        store, open_inputs(settings, open_decoding(settings, stack)), settings.paths.data_dir / "outputs"
    )
    await _sweep_outputs(files.output_dir, models)
    journals = open_journals(settings)
    await journals.sweep(minimum_age=JOURNAL_AGE)
    runners = [
        AttemptRunner(
            worker=name,
            executor=executor,
            connection=connection,
            files=files,
            preview=preview,
            preview_demand=bus.preview_demand,
            announcement_due=announcement_due,
        )
        for executor, preview in (_open_executor(slot, journals, models, files) for slot in slots)
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
        library=models.library,
        inspector=models.inspector,
        preview_demand=bus.preview_demand,
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
        library=models.library,
        engines=engines,
        announcement_due=announcement_due,
        announce_every=settings.cluster.announce_every,
    )
    return Worker(engines, agent)


async def _sweep_outputs(output_dir: Path, models: Models) -> None:
    """Delete outputs of attempts that a kill broke off: here they are kept only until they are sent."""
    await asyncio.to_thread(shutil.rmtree, output_dir, ignore_errors=True)
    await sweep_broken_attempts(output_dir, [], [], models.paths)


def _open_executor(
    slot: EngineSlot, journals: Journals, models: Models, files: WorkerFiles
) -> tuple[EngineExecutor, AssignedPreview]:
    """The executor of a slot, with what holds the preview settings that it reads."""
    preview = AssignedPreview()
    executor = open_executor(
        slot,
        journals=journals,
        output_dir=files.output_dir,
        models=models,
        inputs=files.inputs,
        preview=preview.get,
        upscaler_unloaded=_keep_current_upscaler,
    )
    return executor, preview


async def _keep_current_upscaler(_upscaler: UpscalerRequest) -> None:
    """The server's current upscaler stays what it is when a job frees that of a worker."""
