"""A worker: the library and the engine of a server, fed by the broker instead of by HTTP."""

import asyncio
import logging
import shutil
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from .assembly.base import open_database, open_inputs
from .assembly.models import open_models
from .assembly.slots import open_executor, open_slots
from .cluster.connection import BrokerConnection
from .cluster.object_files import ObjectFiles
from .cluster.server.remote_libraries import RemoteLibraries
from .cluster.worker.agent import WorkerAgent, worker_name
from .cluster.worker.consumer import JobConsumer
from .cluster.worker.rpc import RpcServer
from .config import Settings
from .events import EventBus
from .jobs.input_images import InputStore
from .lock import DataDirectoryLock
from .logs import configure
from .schemas.events import EventData, ModelLoaded, ModelLoadFailed, ModelLoadingProgress
from .schemas.options import PreviewSettings
from .schemas.upscaling import UpscalerRequest
from .slots.engine_slot import NEXT_CHANCE, EngineSlot
from .slots.executor import sweep_broken_attempts

log = logging.getLogger(__name__)


class Folders:
    """Where the files of a job are while it runs here."""

    def __init__(self, inputs: InputStore, outputs: Path) -> None:
        self._inputs = inputs
        self._outputs = outputs

    def inputs(self, job_id: str) -> Path:
        """Its input images."""
        return self._inputs.folder(job_id)

    def outputs(self, job_id: str) -> Path:
        """What it made."""
        return self._outputs / job_id


class ForwardingEventBus(EventBus):
    """Tells the server what would be told to WebSocket clients here."""

    tell: Callable[[ModelLoadingProgress | ModelLoaded | ModelLoadFailed], None]

    def publish(self, data: EventData) -> None:
        """Only what is about models: jobs have their own way."""
        if isinstance(data, ModelLoadingProgress | ModelLoaded | ModelLoadFailed):
            self.tell(data)


class Engines:
    """What the slots know about the engine."""

    def __init__(self, slots: Sequence[EngineSlot]) -> None:
        self._slots = slots

    @property
    def revision(self) -> str | None:
        """That of the engine, once one came up."""
        return next((slot.child.hello.commit for slot in self._slots if slot.child), None)

    @property
    def devices(self) -> list[str]:
        """What the slots compute on."""
        return [slot.name for slot in self._slots]


async def work(settings: Settings) -> None:
    """Work until SIGINT or SIGTERM.

    Raises DataDirectoryBusy, CredentialsUnusable and NameTaken before it does anything.
    """
    working = asyncio.create_task(_work(settings))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, working.cancel)
    with suppress(asyncio.CancelledError):
        await working


async def _work(settings: Settings) -> None:
    lock = DataDirectoryLock.take(settings.paths.data_dir, 0)
    try:
        configure(settings.logging, settings.paths.data_dir)
        async with AsyncExitStack() as stack:
            station, slots = await _open(settings, stack)
            await _run(station, slots)
    finally:
        lock.release()


async def _run(station: WorkerAgent, slots: Sequence[EngineSlot]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for slot in slots:
            tasks.create_task(slot.start())
        tasks.create_task(station.run())
        tasks.create_task(_try_again(slots))


async def _try_again(slots: Sequence[EngineSlot]) -> None:
    """Start engines that did not come up: while other workers can do the jobs, no job comes and does it."""
    while True:
        await asyncio.sleep(NEXT_CHANCE)
        for slot in slots:
            if slot.problem is not None:
                async with slot.acquire():
                    await slot.revive()


async def _open(settings: Settings, stack: AsyncExitStack) -> tuple[WorkerAgent, list[EngineSlot]]:
    own, name = settings.cluster, worker_name(settings.cluster.name)
    database = await open_database(settings, stack)
    library = await open_models(settings, database, RemoteLibraries(), stack)
    herald = ForwardingEventBus()
    slots = open_slots(settings, herald, library, stack)
    devices = [slot.name for slot in slots]
    connection = BrokerConnection.open(own, f"worker {name}")
    stack.push_async_callback(connection.close)
    connection.when_up(lambda: log.info("worker %s reached the broker, with %s", name, ", ".join(devices)))
    files = ObjectFiles(connection)
    inputs, outputs = open_inputs(settings), settings.paths.data_dir / "outputs"
    await asyncio.to_thread(shutil.rmtree, outputs, ignore_errors=True)  # of attempts that a kill broke off
    await sweep_broken_attempts(outputs, [], library.paths)
    consumers: list[JobConsumer] = []
    previews = [_preview(consumers, number) for number in range(len(slots))]
    executors = [
        open_executor(
            slot,
            output_dir=outputs,
            models=library,
            inputs=inputs,
            preview=preview,
            upscaler_unloaded=_nobody_to_tell,
        )
        for slot, preview in zip(slots, previews, strict=True)
    ]
    questions = RpcServer(
        name, connection, slots, consumers, library.library, library.inspector, lambda: station.changed()
    )
    await questions.take_name()
    station = WorkerAgent(
        name,
        connection,
        files,
        slots,
        consumers,
        questions,
        library.library,
        Engines(slots),
        own.announce_every,
    )
    folders = Folders(inputs, outputs)
    for number, executor in enumerate(executors):
        consumers.append(JobConsumer(name, number, executor, connection, files, folders, station.changed))
    herald.tell = station.tell
    return station, slots


def _preview(consumers: list[JobConsumer], number: int) -> Callable[[], PreviewSettings]:
    return lambda: consumers[number].preview


async def _nobody_to_tell(_upscaler: UpscalerRequest) -> None:
    """The server's current upscaler stays what it is when a job frees that of a worker."""
