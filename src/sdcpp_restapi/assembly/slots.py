"""The engine slots of this machine, and what is loaded into all slots there are."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..config import Settings
from ..events import EventBus
from ..jobs.input_images import InputStore
from ..jobs.queue.runner import Runners
from ..jobs.queue.slot_runners import SlotRunners
from ..schemas.options import BoundedPreviewSettings
from ..slots.current_model import CurrentModel
from ..slots.current_upscaler import CurrentUpscaler
from ..slots.device import Device
from ..slots.dispatch import Dispatcher
from ..slots.engine_in_use import EngineInUse
from ..slots.engine_slot import EngineSlot
from ..slots.executor import EngineExecutor, UpscalerUnloaded, sweep_broken_attempts
from ..slots.journals import Journals
from ..slots.pool import SlotPool
from .base import Base
from .models import Models


@dataclass(frozen=True)
class Slots:
    """The slots of this machine, the runners of all slots, and what is current in them."""

    local: Sequence[EngineSlot]
    engine: EngineInUse
    runners: SlotRunners
    model: CurrentModel
    upscaler: CurrentUpscaler
    journals: Journals

    def find_room(self) -> int | None:
        """Bytes of main memory that the slot with the most of them has; None where none computes there."""
        return max((slot.room for slot in self.local if slot.on_cpu), default=None)


async def open_server_slots(
    settings: Settings,
    base: Base,
    models: Models,
    runners: Runners,
    worker_engines: Callable[[], list[str]],
    stack: AsyncExitStack,
) -> Slots:
    """Make the slots of a server, which spawn their children later, and begin to load what was current.

    `worker_engines`: the engine's revisions that workers have.
    """
    local = open_slots(settings, base.bus, models, stack)
    engine = EngineInUse(local, worker_engines)
    dispatcher = Dispatcher(
        alone=not settings.cluster.urls, wake=partial(base.queue.wakeups.notify, "engine")
    )
    pool = SlotPool(dispatcher)
    stack.push_async_callback(pool.close)
    upscaler = CurrentUpscaler(pool=pool, library=models.library, preferences=base.preferences, bus=base.bus)
    stack.push_async_callback(upscaler.close)
    model = CurrentModel(
        pool=pool,
        library=models.library,
        preferences=base.preferences,
        bus=base.bus,
        presets=settings.generation.presets,
        check=engine.check,
    )
    stack.push_async_callback(model.close)
    slot_runners = SlotRunners(queue=base.queue, runners=runners, dispatcher=dispatcher)
    output_dir = settings.paths.output_dir
    journals = open_journals(settings)
    for slot in local:
        executor = open_executor(
            slot,
            journals=journals,
            output_dir=output_dir,
            models=models,
            inputs=base.inputs,
            preview=base.preview.for_job,
            upscaler_unloaded=upscaler.forget,
        )
        slot_runners.add_slot(slot, executor)
    await journals.sweep(await base.store.unfinished())
    await sweep_broken_attempts(
        output_dir, await base.store.without_outputs(), await base.queue.broken("convert"), models.paths
    )
    if settings.engine.load_on_start:
        # The upscaler first: it is small, and requests may count on it once the model is there.
        await upscaler.restore(settings.engine.default_upscaler)
        await model.restore(settings.engine.default_model)
    return Slots(local, engine, slot_runners, model, upscaler, journals)


def open_slots(settings: Settings, bus: EventBus, models: Models, stack: AsyncExitStack) -> list[EngineSlot]:
    """One for each device."""
    slots = []
    for device in Device.all_of(settings.engine.devices):
        slot = EngineSlot(
            settings=settings.engine,
            device=device,
            bus=bus,
            library=models.library,
            past_loads=models.past_loads,
        )
        stack.push_async_callback(slot.close)
        slots.append(slot)
    return slots


def open_journals(settings: Settings) -> Journals:
    """The journals in the data directory."""
    engine = settings.engine
    return Journals(settings.paths.data_dir / "journals", engine.journal_mb, engine.kept_journals_mb)


def open_executor(
    slot: EngineSlot,
    *,
    journals: Journals,
    output_dir: Path,
    models: Models,
    inputs: InputStore,
    preview: Callable[[], BoundedPreviewSettings],
    upscaler_unloaded: UpscalerUnloaded,
) -> EngineExecutor:
    """What runs jobs on a slot of this machine."""
    return EngineExecutor(
        slot,
        output_dir=output_dir,
        lora_files=models.lora_files,
        input_files=inputs.files,
        preview=preview,
        paths=models.paths,
        upscaler_unloaded=upscaler_unloaded,
        journals=journals,
        rungs=models.rungs,
    )
