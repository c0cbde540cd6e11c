"""The composition root: opens every part once, hands them to each other, closes them in reverse."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import RedirectResponse
from starlette.routing import WebSocketRoute

from . import __version__
from .api import (
    conversion,
    downloads,
    failures,
    generate,
    health,
    models,
    options,
    outputs,
    preview,
    queue,
    socket,
    upscaling,
)
from .api.body import JsonBodies
from .api.deps import Parts
from .api.guard import Guard
from .api.snapshots import Snapshots
from .config import Settings
from .db import Database
from .downloads.addresses import Addresses
from .downloads.civitai import Civitai
from .downloads.executor import DownloadExecutor
from .downloads.huggingface import HuggingFace
from .downloads.orders import Orders
from .downloads.parts import PartFolder
from .downloads.patience import Patience
from .downloads.sources import Sources
from .downloads.web import Token, Web
from .engine.executor import EngineExecutor
from .engine.slot import EngineSlot
from .events import EventBus
from .jobs.convert_intake import ConvertIntake
from .jobs.inputs import InputStore
from .jobs.intake import Intake
from .jobs.queue import Queue
from .jobs.runner import Runner, Runners
from .jobs.store import JobStore
from .jobs.upscale_intake import UpscaleIntake
from .models import architectures, loras
from .models.catalog import Catalog
from .models.digests import Digests
from .models.hashing import Hasher, HashExecutor
from .models.places import Places
from .models.state import CurrentModel
from .models.upscaler import CurrentUpscaler
from .outputs.folder import OutputFolder
from .outputs.thumbs import Thumbnails
from .preferences import Preferences, PreviewPreference
from .schemas.generation import ImageRequest

log = logging.getLogger(__name__)

DESCRIPTION = """
Image generation with stable-diffusion.cpp: load a model, submit jobs to a queue, follow them live, fetch
the results. Events come over a WebSocket at `/ws` (and on a port of its own, 8081 unless set otherwise).
"""


def create_app(settings: Settings) -> FastAPI:
    """The application on the main port. Its parts live from start-up to shutdown, in `app.state.parts`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _running_parts(settings) as parts:
            app.state.parts = parts
            yield

    app = FastAPIOffline(
        title="SDCPP-RESTAPI",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
    )
    for module in (
        health,
        downloads,
        models,
        upscaling,
        conversion,
        options,
        generate,
        queue,
        preview,
        outputs,
    ):
        app.include_router(module.router)
    app.websocket("/ws")(socket.events)
    app.add_route("/", lambda _request: RedirectResponse("docs"), include_in_schema=False)
    failures.install(app)
    if settings.server.api_keys:
        _describe_keys(app)
    _protect(app, settings)
    return app


def _describe_keys(app: FastAPI) -> None:
    """Give /docs its Authorize button."""
    describe = app.openapi

    def with_keys() -> dict[str, Any]:
        description = describe()
        description["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        description["security"] = [{"key": []}]
        return description

    app.openapi = with_keys  # type: ignore[method-assign]


def create_socket_app(main: FastAPI, settings: Settings) -> Starlette:
    """The application on the WebSocket port: the same events, of the same parts."""
    app = Starlette(routes=[WebSocketRoute("/", socket.events), WebSocketRoute("/ws", socket.events)])
    app.state = main.state
    app.add_middleware(Guard, server=settings.server, main_port=settings.server.port)
    return app


def _protect(app: FastAPI, settings: Settings) -> None:
    # The last one added is the first that a request meets.
    app.add_middleware(JsonBodies, max_bytes=settings.server.max_body_mb * 2**20)
    app.add_middleware(Guard, server=settings.server, main_port=settings.server.port)
    if settings.server.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.server.allowed_origins,
            allow_methods=["*"],
            allow_headers=["*"],
        )


@asynccontextmanager
async def _running_parts(settings: Settings) -> AsyncIterator[Parts]:
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        database = await Database.open(settings.paths.data_dir / "sdcpp.db")
        stack.push_async_callback(database.close)
        preferences = Preferences(database)
        preview_preference = await PreviewPreference.read(preferences)
        bus = EventBus()
        digests = await Digests.read(database)
        catalog = Catalog(settings.paths.model_folders(), digests=digests)
        hasher = Hasher(catalog, digests)
        stack.push_async_callback(hasher.close)
        slot = EngineSlot(
            settings.engine, bus, catalog.resolve, _architecture_name, partial(catalog.find, "esrgan")
        )
        stack.push_async_callback(slot.close)
        presets = settings.generation.presets
        upscaler = CurrentUpscaler(slot, catalog, preferences, bus)
        model = CurrentModel(slot, catalog, preferences, bus, __version__, presets, lambda: upscaler.name)
        places = Places(catalog, settings.paths.convert_dirs)
        jobs = Queue(JobStore(database), bus)
        await jobs.recover()
        inputs = InputStore(settings.paths.data_dir / "inputs", settings.limits.max_image_pixels)

        async def resolve_prompts(request: ImageRequest) -> loras.ResolvedPrompts:
            return await loras.resolve(catalog, request)

        executor = EngineExecutor(
            slot,
            settings.paths.output_dir,
            resolve_prompts,
            inputs.files,
            lambda: preview_preference.current,
            places.listed,
            upscaler.released,
        )
        await asyncio.to_thread(settings.paths.output_dir.mkdir, parents=True, exist_ok=True)
        await asyncio.to_thread(executor.sweep)
        web = _web(settings)
        stack.push_async_callback(web.close)
        sources = _sources(settings, web)
        downloading = await _downloading(settings, web, sources, bus, catalog, hasher, jobs)
        runners = Runners(
            Runner(jobs, "engine", executor),
            Runner(jobs, "hash", HashExecutor(hasher, jobs.result)),
            *(Runner(jobs, "download", downloading) for _ in range(settings.downloads.parallel)),
        )
        parts = Parts(
            settings=settings,
            bus=bus,
            catalog=catalog,
            hasher=hasher,
            model=model,
            upscaler=upscaler,
            queue=jobs,
            inputs=inputs,
            intake=Intake(
                jobs, inputs, model, upscaler, resolve_prompts, settings.limits, settings.generation
            ),
            upscale_intake=UpscaleIntake(jobs, inputs, upscaler, settings.limits),
            convert_intake=ConvertIntake(jobs, places),
            runners=runners,
            orders=Orders(jobs, web, catalog.folders),
            sources=sources,
            outputs=OutputFolder(settings.paths.output_dir),
            thumbs=Thumbnails(),
            preview=preview_preference,
            snapshots=Snapshots(),
        )
        if settings.engine.load_on_start:
            await model.restore(settings.engine.default_model)
            await upscaler.restore()
        stack.push_async_callback(model.close)
        stack.push_async_callback(upscaler.close)
        _in_background(stack, socket.heartbeat(parts))
        _in_background(stack, _work(slot, runners))
        log.info("ready in %.2f s", time.monotonic() - began)
        yield parts


async def _work(slot: EngineSlot, runners: Runners) -> None:
    """The engine comes up while requests are answered and models are downloaded already."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(slot.start())
        tasks.create_task(runners.run())


def _web(settings: Settings) -> Web:
    own = settings.downloads
    tokens = [
        Token(own.civitai_url, own.civitai_token, "downloads.civitai_token"),
        Token(own.huggingface_url, own.huggingface_token, "downloads.huggingface_token"),
    ]
    return Web(Addresses(own.allow_private), tokens, own.timeout)


def _sources(settings: Settings, web: Web) -> Sources:
    own = settings.downloads
    return Sources(Civitai(web, own.civitai_url), HuggingFace(own.huggingface_url, own.huggingface_token))


async def _downloading(
    settings: Settings,
    web: Web,
    sources: Sources,
    bus: EventBus,
    catalog: Catalog,
    hasher: Hasher,
    jobs: Queue,
) -> DownloadExecutor:
    own = settings.downloads
    parts = PartFolder(settings.paths.data_dir / "downloads")
    patience = Patience(own.retries, own.retry_delay)
    executor = DownloadExecutor(
        web, sources, parts, catalog.folders, patience, bus, hasher.remember, catalog.refresh
    )
    await executor.sweep(jobs.unfinished)
    return executor


def _in_background(stack: AsyncExitStack, work: Coroutine[None, None, None]) -> None:
    task = asyncio.create_task(work)

    async def stop() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(stop)


def _architecture_name(engine_name: str) -> str | None:
    found = architectures.by_engine_name(engine_name)
    return found.name if found else None
