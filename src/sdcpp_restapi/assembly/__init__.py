"""The composition root: opens every part once, hands them to each other, closes them in reverse."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial

from ..api import websocket
from ..api.app_state import AppState
from ..api.response_cache import ResponseCache
from ..cluster.server.known_workers import KnownWorkers
from ..cluster.server.listener import WorkerListener
from ..cluster.server.remote_libraries import RemoteLibraries
from ..config import Settings
from ..jobs.queue.runner import Runner, Runners
from ..jobs.submit.conversion import ConversionSubmission
from ..jobs.submit.generation import GenerationSubmission
from ..jobs.submit.planner import Planner
from ..jobs.submit.upscale import UpscaleSubmission
from ..jobs.submit.wildcards import Wildcards
from ..models import architectures
from ..models.details import Details
from ..models.hashing import HashExecutor
from ..models.planned_files import PlannedFiles
from ..outputs.folder import OutputFolder
from ..outputs.thumbnails import Thumbnails
from ..schemas.required_files import RequiredFiles
from ..slots.claim_request import ClaimRequest
from ..slots.engine_slot import EngineSlot
from ..slots.model_selection import ModelSelection
from .base import Base, open_base
from .downloads import Downloads, open_downloads
from .llm import Llm, open_llm
from .models import Library, open_library
from .slots import Engine, open_engine
from .trash import Housekeeping, open_housekeeping
from .worker_listener import open_worker_listener

log = logging.getLogger(__name__)


@asynccontextmanager
async def running_parts(settings: Settings) -> AsyncIterator[AppState]:
    """Everything that routes may call, from start-up to shutdown."""
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        base = await open_base(settings, stack)
        workers = KnownWorkers()
        library = await open_library(settings, base.database, RemoteLibraries(workers), stack)
        engine = await open_engine(settings, base, library, stack)
        downloads = await open_downloads(settings, base, library, stack)
        llm = await open_llm(settings, base, library, engine, stack)
        housekeeping = await open_housekeeping(settings, base)
        runners = _runners(settings, base, library, engine, downloads)
        listener = await open_worker_listener(
            settings=settings, base=base, engine=engine, workers=workers, runners=runners, stack=stack
        )
        parts = _parts(settings, base, library, engine, downloads, llm, housekeeping, runners, listener)
        _in_background(stack, websocket.heartbeat(parts))
        _in_background(stack, housekeeping.retention.keep())
        _in_background(stack, housekeeping.usage.keep_current(lambda: base.queue.revision))
        _in_background(stack, _work(engine.slots, runners))
        if listener is not None:
            _in_background(stack, listener.run())
        log.info("ready in %.2f s", time.monotonic() - began)
        yield parts


def _runners(
    settings: Settings, base: Base, library: Library, engine: Engine, downloads: Downloads
) -> Runners:
    alone = not settings.cluster.urls
    queue = base.queue

    async def can_run(slot: EngineSlot, needs: RequiredFiles) -> bool:
        if engine.pool.defers_to_working_slot(slot) and not await slot.ready():
            return False
        return await engine.pool.gives(slot, needs)

    def claim_request(slot: EngineSlot) -> ClaimRequest:
        # Alone, a job whose files are gone fails here; among others it waits for somebody who has them.
        able_to_all = alone and engine.pool.takes_all(slot)
        return ClaimRequest(
            holds=slot.loaded,
            can_run=None if able_to_all else partial(can_run, slot),
            pass_on=partial(engine.pool.pass_on, slot),
        )

    return Runners(
        *(
            Runner(queue, "engine", executor, partial(claim_request, slot))
            for slot, executor in zip(engine.slots, engine.executors, strict=True)
        ),
        Runner(queue, "hash", HashExecutor(library.hasher, queue.result)),
        *(Runner(queue, "download", downloads.executor) for _ in range(settings.downloads.parallel)),
    )


def _parts(
    settings: Settings,
    base: Base,
    library: Library,
    engine: Engine,
    downloads: Downloads,
    llm: Llm,
    housekeeping: Housekeeping,
    runners: Runners,
    listener: WorkerListener | None,
) -> AppState:
    intake = _intake(settings, base, library, engine)
    upscale_intake = UpscaleSubmission(
        base.queue, base.inputs, engine.upscaler, library.library.needs, settings.limits
    )
    return AppState(
        settings=settings,
        bus=base.bus,
        catalog=library.catalog,
        details=Details(library.library, library.catalog, library.facts),
        inspector=library.inspector,
        hasher=library.hasher,
        model=engine.model,
        upscaler=engine.upscaler,
        queue=base.queue,
        inputs=base.inputs,
        intake=intake,
        upscale_intake=upscale_intake,
        convert_intake=ConversionSubmission(base.queue, library.places, library.library.needs),
        planner=Planner(intake, upscale_intake, base.inputs, base.store, PlannedFiles(library.library)),
        runners=runners,
        registry=listener.registry if listener else None,
        library=library.library,
        enhancer=llm.enhancer,
        assistant=llm.assistant,
        trash=housekeeping.trash,
        usage=housekeeping.usage,
        orders=downloads.orders,
        sources=downloads.sources,
        outputs=OutputFolder(settings.paths.output_dir),
        thumbs=Thumbnails(),
        preview=base.preview,
        responses=ResponseCache(),
    )


def _intake(settings: Settings, base: Base, library: Library, engine: Engine) -> GenerationSubmission:
    describe = partial(architectures.described, values=settings.generation.presets)
    choice = ModelSelection(engine.model, library.library, library.past_loads, describe)
    return GenerationSubmission(
        base.queue,
        base.inputs,
        choice,
        engine.upscaler,
        Wildcards(settings.paths.wildcards_folder()),
        library.library.check_loras,
        library.library.needs,
        library.places,
        settings.limits,
        settings.generation,
    )


async def _work(slots: list[EngineSlot], runners: Runners) -> None:
    """The engine comes up while requests are answered and models are downloaded already."""
    async with asyncio.TaskGroup() as tasks:
        for slot in slots:
            tasks.create_task(slot.start())
        tasks.create_task(runners.run())


def _in_background(stack: AsyncExitStack, work: Coroutine[None, None, None]) -> None:
    task = asyncio.create_task(work)

    async def stop() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(stop)
