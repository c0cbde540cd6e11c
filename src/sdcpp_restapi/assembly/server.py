"""The composition root of a server: opens every part once, passes them on, closes them in reverse."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from ..api import websocket
from ..api.app_state import AppState
from ..api.response_cache import ResponseCache
from ..background import keep_running
from ..cluster.server.known_workers import KnownWorkers
from ..cluster.server.listener import WorkerListener
from ..cluster.server.remote_libraries import RemoteLibraries
from ..config import Settings
from ..jobs.queue.runner import Runner, Runners
from ..llm.assistant.action_runner import ActionRunner
from ..llm.assistant.server_state import ServerState
from ..models.details import Details
from ..models.hashing import HashExecutor
from ..outputs.folder import OutputFolder
from ..outputs.thumbnails import Thumbnails
from .base import Base, open_base
from .downloads import Downloads, open_downloads
from .llm import Llm, open_llm
from .models import Models, open_models
from .slots import Slots, open_server_slots
from .submissions import Submissions, open_submissions
from .trash import Housekeeping, open_housekeeping
from .worker_listener import open_worker_listener

log = logging.getLogger(__name__)


@asynccontextmanager
async def open_server(settings: Settings) -> AsyncIterator[AppState]:
    """Everything that routes may call, from start-up to shutdown."""
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        runners = Runners()
        workers = KnownWorkers()
        base = await open_base(settings, stack)
        models = await open_models(settings, base.database, RemoteLibraries(workers), stack)
        slots = await open_server_slots(settings, base, models, runners, stack)
        downloads = await open_downloads(settings, base, models, stack)
        llm = await open_llm(settings, base, models, slots, stack)
        housekeeping = await open_housekeeping(settings, base)
        _add_runners(runners, settings, base, models, downloads)
        listener = await open_worker_listener(
            settings=settings, base=base, slots=slots, workers=workers, stack=stack
        )
        state = _app_state(settings, base, models, slots, downloads, llm, housekeeping, runners, listener)
        _run_in_background(stack, "the heartbeat", lambda: websocket.publish_heartbeats(state))
        _run_in_background(stack, "retention", housekeeping.retention.keep)
        _run_in_background(stack, "disk usage", lambda: housekeeping.usage.keep_current(_revision(base)))
        _run_in_background(stack, "the start of the engine", lambda: _start_slots(slots))
        _run_in_background(stack, "the runners", runners.run)
        if listener is not None:
            _run_in_background(stack, "the listener to workers", listener.run)
        log.info("ready in %.2f s", time.monotonic() - began)
        yield state


def _add_runners(
    runners: Runners, settings: Settings, base: Base, models: Models, downloads: Downloads
) -> None:
    """Those of the engine lane come and go with the slots; these stay."""
    hashing = HashExecutor(models.hasher, base.queue.result)
    runners.add(Runner(queue=base.queue, lane="hash", executor=hashing))
    for _ in range(settings.downloads.parallel):
        runners.add(Runner(queue=base.queue, lane="download", executor=downloads.executor))


def _app_state(
    settings: Settings,
    base: Base,
    models: Models,
    slots: Slots,
    downloads: Downloads,
    llm: Llm,
    housekeeping: Housekeeping,
    runners: Runners,
    listener: WorkerListener | None,
) -> AppState:
    submissions = open_submissions(settings, base, models, slots)
    outputs = OutputFolder(settings.paths.output_dir)
    return AppState(
        settings=settings,
        bus=base.bus,
        catalog=models.catalog,
        details=Details(library=models.library, catalog=models.catalog, headers=models.headers),
        inspector=models.inspector,
        hasher=models.hasher,
        model=slots.model,
        upscaler=slots.upscaler,
        queue=base.queue,
        inputs=base.inputs,
        generations=submissions.generations,
        upscales=submissions.upscales,
        conversions=submissions.conversions,
        planner=submissions.planner,
        runners=runners,
        registry=listener.registry if listener else None,
        library=models.library,
        enhancer=llm.enhancer,
        assistant=llm.assistant,
        action_runner=_action_runner(base, models, slots, submissions, runners, outputs),
        server_state=ServerState(
            model=slots.model, upscaler=slots.upscaler, catalog=models.catalog, queue=base.queue
        ),
        trash=housekeeping.trash,
        usage=housekeeping.usage,
        downloads=downloads.submission,
        sources=downloads.sources,
        outputs=outputs,
        thumbs=Thumbnails(base.decoding),
        preview=base.preview,
        responses=ResponseCache(),
    )


def _action_runner(
    base: Base,
    models: Models,
    slots: Slots,
    submissions: Submissions,
    runners: Runners,
    outputs: OutputFolder,
) -> ActionRunner:
    return ActionRunner(
        generation=submissions.generations,
        upscaling=submissions.upscales,
        model=slots.model,
        upscaler=slots.upscaler,
        catalog=models.catalog,
        queue=base.queue,
        runners=runners,
        outputs=outputs,
    )


async def _start_slots(slots: Slots) -> None:
    """The engine comes up while requests are answered and models are downloaded already."""
    async with asyncio.TaskGroup() as tasks:
        for slot in slots.local:
            tasks.create_task(slot.start())


def _revision(base: Base) -> Callable[[], int]:
    return lambda: base.queue.revision


def _run_in_background(stack: AsyncExitStack, what: str, work: Callable[[], Awaitable[None]]) -> None:
    """Nothing of this may end while the server runs: what breaks is told in the log and begun again."""
    task = asyncio.create_task(keep_running(what, work))

    async def stop() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(stop)
