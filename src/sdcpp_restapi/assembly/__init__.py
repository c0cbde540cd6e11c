"""The composition root: opens every part once, hands them to each other, closes them in reverse."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial

from ..api import websocket
from ..api.app_state import Parts
from ..api.response_cache import Snapshots
from ..cluster.server.listener import Head
from ..cluster.server.remote_libraries import Abroad
from ..config import Settings
from ..jobs.queue.runner import Runner, Runners
from ..jobs.submit.conversion import ConvertIntake
from ..jobs.submit.generation import Intake
from ..jobs.submit.planner import Planner
from ..jobs.submit.upscale import UpscaleIntake
from ..jobs.submit.wildcards import Wildcards
from ..models import architectures
from ..models.details import Details
from ..models.hashing import HashExecutor
from ..models.planned_files import Footprint
from ..outputs.folder import OutputFolder
from ..outputs.thumbnails import Thumbnails
from ..schemas.required_files import Needs
from ..slots.claim_request import Taker
from ..slots.engine_slot import EngineSlot
from ..slots.model_selection import ModelChoice
from .base import Base, open_base
from .downloads import Downloads, open_downloads
from .llm import Llm, open_llm
from .models import Library, open_library
from .slots import Engine, open_engine
from .trash import Housekeeping, open_housekeeping
from .worker_listener import open_head

log = logging.getLogger(__name__)


@asynccontextmanager
async def running_parts(settings: Settings) -> AsyncIterator[Parts]:
    """Everything that routes may call, from start-up to shutdown."""
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        base = await open_base(settings, stack)
        abroad = Abroad()
        library = await open_library(settings, base.database, abroad, stack)
        engine = await open_engine(settings, base, library, stack)
        downloads = await open_downloads(settings, base, library, stack)
        llm = await open_llm(settings, base, library, engine, stack)
        housekeeping = await open_housekeeping(settings, base)
        runners = _runners(settings, base, library, engine, downloads)
        head = await open_head(settings, base, engine, abroad, runners, stack)
        parts = _parts(settings, base, library, engine, downloads, llm, housekeeping, runners, head)
        _in_background(stack, websocket.heartbeat(parts))
        _in_background(stack, housekeeping.retention.keep())
        _in_background(stack, housekeeping.usage.keep_current(lambda: base.queue.revision))
        _in_background(stack, _work(engine.slots, runners))
        if head is not None:
            _in_background(stack, head.run())
        log.info("ready in %.2f s", time.monotonic() - began)
        yield parts


def _runners(
    settings: Settings, base: Base, library: Library, engine: Engine, downloads: Downloads
) -> Runners:
    alone = not settings.cluster.urls
    queue = base.queue

    async def can_run(slot: EngineSlot, needs: Needs) -> bool:
        if engine.fleet.replaces(slot) and not await slot.ready():
            return False
        return await engine.fleet.gives(slot, needs)

    def taker(slot: EngineSlot) -> Taker:
        # Alone, a job whose files are gone fails here; among others it waits for somebody who has them.
        able_to_all = alone and engine.fleet.takes_all(slot)
        return Taker(
            holds=slot.loaded,
            can_run=None if able_to_all else partial(can_run, slot),
            pass_on=partial(engine.fleet.pass_on, slot),
        )

    return Runners(
        *(
            Runner(queue, "engine", executor, partial(taker, slot))
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
    head: Head | None,
) -> Parts:
    intake = _intake(settings, base, library, engine)
    upscale_intake = UpscaleIntake(
        base.queue, base.inputs, engine.upscaler, library.everywhere.needs, settings.limits
    )
    return Parts(
        settings=settings,
        bus=base.bus,
        catalog=library.catalog,
        details=Details(library.everywhere, library.catalog, library.facts),
        inspector=library.inspector,
        hasher=library.hasher,
        model=engine.model,
        upscaler=engine.upscaler,
        queue=base.queue,
        inputs=base.inputs,
        intake=intake,
        upscale_intake=upscale_intake,
        convert_intake=ConvertIntake(base.queue, library.places, library.everywhere.needs),
        planner=Planner(intake, upscale_intake, base.inputs, base.store, Footprint(library.everywhere)),
        runners=runners,
        roster=head.roster if head else None,
        everywhere=library.everywhere,
        enhancer=llm.enhancer,
        assistant=llm.assistant,
        trash=housekeeping.trash,
        usage=housekeeping.usage,
        orders=downloads.orders,
        sources=downloads.sources,
        outputs=OutputFolder(settings.paths.output_dir),
        thumbs=Thumbnails(),
        preview=base.preview,
        snapshots=Snapshots(),
    )


def _intake(settings: Settings, base: Base, library: Library, engine: Engine) -> Intake:
    describe = partial(architectures.described, values=settings.generation.presets)
    choice = ModelChoice(engine.model, library.everywhere, library.past_loads, describe)
    return Intake(
        base.queue,
        base.inputs,
        choice,
        engine.upscaler,
        Wildcards(settings.paths.wildcards_folder()),
        library.everywhere.check_loras,
        library.everywhere.needs,
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
