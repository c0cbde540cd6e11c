"""The engine slots of this machine, and what is loaded into all slots there are."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .. import __version__
from ..config import Settings
from ..events import EventBus
from ..jobs.submit.input_images import InputStore
from ..models import architectures, loras
from ..schemas.options import PreviewSettings
from ..schemas.upscaling import UpscalerRequest
from ..slots.current_model import CurrentModel
from ..slots.current_upscaler import CurrentUpscaler
from ..slots.device import Device
from ..slots.engine_slot import EngineSlot
from ..slots.executor import EngineExecutor, sweep
from ..slots.pool import SlotPool
from .base import Base
from .models import Library


@dataclass(frozen=True)
class Engine:
    """The slots and what is current in them."""

    slots: list[EngineSlot]
    pool: SlotPool
    model: CurrentModel
    upscaler: CurrentUpscaler
    executors: list[EngineExecutor]

    def revision(self) -> str | None:
        """That of the engine, once one came up."""
        return next((slot.child.hello.commit for slot in self.slots if slot.child), None)


async def open_engine(settings: Settings, base: Base, library: Library, stack: AsyncExitStack) -> Engine:
    """Make the slots of this machine; they spawn their children later."""
    slots = open_slots(settings, base.bus, library, stack)
    pool = SlotPool(slots, partial(base.queue.wakeups.notify, "engine"))
    stack.push_async_callback(pool.close)
    upscaler = CurrentUpscaler(pool, library.library, base.preferences, base.bus)
    stack.push_async_callback(upscaler.close)
    model = CurrentModel(
        pool,
        library.library,
        base.preferences,
        base.bus,
        __version__,
        settings.generation.presets,
        lambda: upscaler.name,
    )
    stack.push_async_callback(model.close)
    output_dir = settings.paths.output_dir
    executors = open_executors(
        slots,
        output_dir,
        library,
        base.inputs,
        [lambda: base.preview.current] * len(slots),
        upscaler.released,
    )
    await sweep(output_dir, await base.queue.broken("convert"), library.allowed_paths.describe)
    if settings.engine.load_on_start:
        # The upscaler first: it is small, and requests may count on it once the model is there.
        await upscaler.restore(settings.engine.default_upscaler)
        await model.restore(settings.engine.default_model)
    return Engine(slots, pool, model, upscaler, executors)


def open_slots(
    settings: Settings, bus: EventBus, library: Library, stack: AsyncExitStack
) -> list[EngineSlot]:
    """One for each device."""
    slots = []
    for device in Device.all_of(settings.engine.devices):
        slot = EngineSlot(
            settings.engine,
            device,
            bus,
            library.catalog.resolve,
            _architecture_name,
            partial(library.catalog.find, "esrgan"),
            library.past_loads.add,
            library.library.has_all,
        )
        stack.push_async_callback(slot.close)
        slots.append(slot)
    return slots


def open_executors(
    slots: list[EngineSlot],
    output_dir: Path,
    library: Library,
    inputs: InputStore,
    previews: list[Callable[[], PreviewSettings]],
    released: Callable[[UpscalerRequest], Awaitable[None]],
) -> list[EngineExecutor]:
    """One for each slot; `previews` are the settings that the jobs of each go by."""
    return [
        EngineExecutor(
            slot,
            output_dir,
            partial(loras.resolve, library.catalog),
            inputs.files,
            preview,
            library.allowed_paths.describe,
            released,
        )
        for slot, preview in zip(slots, previews, strict=True)
    ]


def _architecture_name(engine_name: str) -> str | None:
    found = architectures.find_by_engine_name(engine_name)
    return found.name if found else None
