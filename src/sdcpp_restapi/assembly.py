"""The composition root: opens every part once, hands them to each other, closes them in reverse."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

from . import __version__
from .api import socket
from .api.deps import Parts
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
from .jobs.line import Rules
from .jobs.planner import Planner
from .jobs.queue import Queue
from .jobs.retention import Retention
from .jobs.runner import Runner, Runners
from .jobs.store import JobStore
from .jobs.trash import Trash
from .jobs.trash_store import TrashStore
from .jobs.upscale_intake import UpscaleIntake
from .jobs.usage import Usage
from .jobs.wildcards import Wildcards
from .llm.assistant.assistant import Assistant
from .llm.assistant.history import History as Conversation
from .llm.choice import ChosenModel
from .llm.enhance import Enhancer
from .llm.history import History
from .llm.local.seat import ChatSeat
from .llm.providers import Providers
from .llm.settings import ProviderPreference
from .models import architectures, loras
from .models.assembler import Assembler
from .models.catalog import Catalog
from .models.choice import ModelChoice
from .models.components import Components
from .models.details import Details
from .models.digests import Digests
from .models.facts import Facts
from .models.footprint import Footprint
from .models.hashing import Hasher, HashExecutor
from .models.inspector import Inspector
from .models.lora_check import LoraCheck
from .models.past_loads import PastLoads
from .models.places import Places
from .models.state import CurrentModel
from .models.upscaler import CurrentUpscaler
from .outputs.folder import OutputFolder
from .outputs.thumbs import Thumbnails
from .outputs.trash import OutputTrash
from .preferences import Preferences, PreviewPreference
from .schemas.assistant import AssistantSettings
from .schemas.ollama import OllamaSettings

log = logging.getLogger(__name__)


@asynccontextmanager
async def running_parts(settings: Settings) -> AsyncIterator[Parts]:
    """Everything that routes may call, from start-up to shutdown."""
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        base = await _open_base(settings, stack)
        library = await _open_library(settings, base, stack)
        engine = await _open_engine(settings, base, library, stack)
        downloads = await _open_downloads(settings, base, library, stack)
        llm = await _open_llm(settings, base, library, engine, stack)
        housekeeping = await _open_housekeeping(settings, base)
        parts = _parts(settings, base, library, engine, downloads, llm, housekeeping)
        _in_background(stack, socket.heartbeat(parts))
        _in_background(stack, housekeeping.retention.keep())
        _in_background(stack, housekeeping.usage.keep_current(lambda: base.queue.revision))
        _in_background(stack, _work(engine.slot, parts.runners))
        log.info("ready in %.2f s", time.monotonic() - began)
        yield parts


@dataclass(frozen=True)
class _Base:
    database: Database
    preferences: Preferences
    preview: PreviewPreference
    bus: EventBus
    store: JobStore
    queue: Queue
    inputs: InputStore


async def _open_base(settings: Settings, stack: AsyncExitStack) -> _Base:
    database = await Database.open(settings.paths.data_dir / "sdcpp.db")
    stack.push_async_callback(database.close)
    preferences = Preferences(database)
    bus = EventBus()
    store = JobStore(database, _rules(settings))
    queue = Queue(store, bus)
    await queue.recover()
    inputs = InputStore(settings.paths.data_dir / "inputs", settings.limits.max_image_pixels)
    return _Base(database, preferences, await PreviewPreference.read(preferences), bus, store, queue, inputs)


@dataclass(frozen=True)
class _Library:
    catalog: Catalog
    facts: Facts
    assembler: Assembler
    inspector: Inspector
    hasher: Hasher
    places: Places
    past_loads: PastLoads


async def _open_library(settings: Settings, base: _Base, stack: AsyncExitStack) -> _Library:
    digests = await Digests.read(base.database)
    catalog = Catalog(settings.paths.model_folders(), digests=digests)
    hasher = Hasher(catalog, digests)
    stack.push_async_callback(hasher.close)
    facts = await Facts.read(base.database)
    components = Components(catalog, facts)
    assembler = Assembler(catalog, facts, components)
    inspector = Inspector(catalog, facts, components, assembler)
    places = Places(catalog, settings.paths.convert_dirs)
    past_loads = PastLoads(base.database)
    return _Library(catalog, facts, assembler, inspector, hasher, places, past_loads)


@dataclass(frozen=True)
class _Engine:
    slot: EngineSlot
    model: CurrentModel
    upscaler: CurrentUpscaler
    executor: EngineExecutor


async def _open_engine(settings: Settings, base: _Base, library: _Library, stack: AsyncExitStack) -> _Engine:
    catalog = library.catalog
    find_upscaler = partial(catalog.find, "esrgan")
    slot = EngineSlot(
        settings.engine,
        base.bus,
        catalog.resolve,
        _architecture_name,
        find_upscaler,
        library.past_loads.add,
    )
    stack.push_async_callback(slot.close)
    upscaler = CurrentUpscaler(slot, catalog, base.preferences, base.bus)
    stack.push_async_callback(upscaler.close)
    presets = settings.generation.presets
    model = CurrentModel(
        slot,
        catalog,
        library.assembler,
        base.preferences,
        base.bus,
        __version__,
        presets,
        lambda: upscaler.name,
    )
    stack.push_async_callback(model.close)
    executor = EngineExecutor(
        slot,
        settings.paths.output_dir,
        partial(loras.resolve, catalog),
        base.inputs.files,
        lambda: base.preview.current,
        library.places.listed,
        upscaler.released,
    )
    await asyncio.to_thread(settings.paths.output_dir.mkdir, parents=True, exist_ok=True)
    await executor.sweep(await base.queue.broken("convert"))
    if settings.engine.load_on_start:
        await model.restore(settings.engine.default_model)
        await upscaler.restore()
    return _Engine(slot, model, upscaler, executor)


@dataclass(frozen=True)
class _Downloads:
    orders: Orders
    sources: Sources
    executor: DownloadExecutor


async def _open_downloads(
    settings: Settings, base: _Base, library: _Library, stack: AsyncExitStack
) -> _Downloads:
    own = settings.downloads
    tokens = [
        Token(own.civitai_url, own.civitai_token, "downloads.civitai_token"),
        Token(own.huggingface_url, own.huggingface_token, "downloads.huggingface_token"),
    ]
    web = Web(Addresses(own.allow_private), tokens, own.timeout)
    stack.push_async_callback(web.close)
    sources = Sources(Civitai(web, own.civitai_url), HuggingFace(web, own.huggingface_url))
    catalog = library.catalog
    executor = DownloadExecutor(
        web,
        sources,
        PartFolder(settings.paths.data_dir / "downloads"),
        catalog.folders,
        Patience(own.retries, own.retry_delay),
        library.hasher.remember,
        catalog.refresh,
    )
    await executor.sweep(base.queue.unfinished)
    return _Downloads(Orders(base.queue, web, catalog.folders), sources, executor)


@dataclass(frozen=True)
class _Llm:
    enhancer: Enhancer
    assistant: Assistant


async def _open_llm(
    settings: Settings, base: _Base, library: _Library, engine: _Engine, stack: AsyncExitStack
) -> _Llm:
    seat = ChatSeat(settings.llm)
    stack.push_async_callback(seat.close)
    providers = Providers(seat, library.catalog)
    of_ollama = await ProviderPreference.read(base.preferences, "ollama", OllamaSettings())
    of_assistant = await ProviderPreference.read(base.preferences, "assistant", AssistantSettings())
    enhancer = Enhancer(
        ChosenModel(providers, of_ollama, "/ollama/settings"),
        History(base.database),
        partial(_loaded_architecture, engine.model),
        settings.limits.max_prompt_chars,
    )
    chosen = ChosenModel(providers, of_assistant, "/assistant/settings")
    return _Llm(enhancer, Assistant(chosen, Conversation(base.database)))


@dataclass(frozen=True)
class _Housekeeping:
    trash: Trash
    usage: Usage
    retention: Retention


async def _open_housekeeping(settings: Settings, base: _Base) -> _Housekeeping:
    paths = settings.paths
    store, outputs = TrashStore(base.database), OutputTrash(paths.output_dir)
    trash = Trash(store, outputs, base.inputs, base.queue, base.bus)
    await trash.repair()
    usage = Usage(store, outputs, base.inputs, paths.models_dir, paths.output_dir)
    return _Housekeeping(trash, usage, Retention(store, trash, usage, settings.retention))


def _parts(
    settings: Settings,
    base: _Base,
    library: _Library,
    engine: _Engine,
    downloads: _Downloads,
    llm: _Llm,
    housekeeping: _Housekeeping,
) -> Parts:
    intake = _intake(settings, base, library, engine)
    upscale_intake = UpscaleIntake(base.queue, base.inputs, engine.upscaler, settings.limits)
    return Parts(
        settings=settings,
        bus=base.bus,
        catalog=library.catalog,
        details=Details(library.catalog, library.facts),
        inspector=library.inspector,
        hasher=library.hasher,
        model=engine.model,
        upscaler=engine.upscaler,
        queue=base.queue,
        inputs=base.inputs,
        intake=intake,
        upscale_intake=upscale_intake,
        convert_intake=ConvertIntake(base.queue, library.places),
        planner=Planner(intake, upscale_intake, base.inputs, base.store, Footprint(library.catalog)),
        runners=Runners(
            Runner(base.queue, "engine", engine.executor),
            Runner(base.queue, "hash", HashExecutor(library.hasher, base.queue.result)),
            *(Runner(base.queue, "download", downloads.executor) for _ in range(settings.downloads.parallel)),
        ),
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


def _intake(settings: Settings, base: _Base, library: _Library, engine: _Engine) -> Intake:
    describe = partial(architectures.described, values=settings.generation.presets)
    choice = ModelChoice(
        engine.model, library.catalog, library.past_loads, library.facts, library.assembler, describe
    )
    return Intake(
        base.queue,
        base.inputs,
        choice,
        engine.upscaler,
        Wildcards(settings.paths.wildcards_folder()),
        LoraCheck(library.catalog, library.facts).check,
        library.places,
        settings.limits,
        settings.generation,
    )


async def _work(slot: EngineSlot, runners: Runners) -> None:
    """The engine comes up while requests are answered and models are downloaded already."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(slot.start())
        tasks.create_task(runners.run())


def _in_background(stack: AsyncExitStack, work: Coroutine[None, None, None]) -> None:
    task = asyncio.create_task(work)

    async def stop() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(stop)


def _rules(settings: Settings) -> Rules:
    return Rules(by_client=settings.queue.fairness == "client", patience=settings.queue.patience(slots=1))


def _architecture_name(engine_name: str) -> str | None:
    found = architectures.by_engine_name(engine_name)
    return found.name if found else None


def _loaded_architecture(model: CurrentModel) -> str | None:
    loaded = model.architecture()
    return loaded.name if loaded else None
