"""An engine child of a slot with what it holds: a model, and an upscaler beside it."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from itertools import count

from ..config import Engine
from ..engine.client import EngineChild
from ..errors import EngineLost, EngineUnusable, LoadFailed
from ..events import EventBus
from ..models import architectures
from ..models.library import ModelLibrary
from ..schemas.engine import (
    Convert,
    Generate,
    GenerateVideo,
    Generation,
    Load,
    Loaded,
    LoadStep,
    LoraFile,
    Report,
    Unload,
    Upscale,
)
from ..schemas.events import ModelLoaded, ModelLoadingProgress
from ..schemas.models import LoadedComponents, LoadRequest, ModelFiles
from ..schemas.pipe import Refused
from .child_supervisor import ChildSupervisor, ProcessCounts
from .device import Device
from .dispatch import HeldModels
from .file_state import FileState, read_file_state
from .idle_clock import IdleClock
from .upscaler_slot import UpscalerSlot

log = logging.getLogger(__name__)

WorkCommand = Generate | GenerateVideo | Upscale | Convert
OnChild = Callable[["Resident", EngineChild], Awaitable[None]]


@dataclass(frozen=True)
class SlotParts:
    """What all children of a slot have in common. `ids` are those of their calls."""

    settings: Engine
    device: Device
    bus: EventBus
    library: ModelLibrary
    ids: "count[int]"
    counts: ProcessCounts = field(default_factory=ProcessCounts)


class Resident:
    """Loads and runs in its child; whoever calls it has the slot's turn."""

    def __init__(
        self,
        parts: SlotParts,
        *,
        on_gone: OnChild,
        on_idle: Callable[["Resident"], None],
        memory_of_others: Callable[["Resident"], int],
    ) -> None:
        """`on_gone` is called when its child has died, `on_idle` when it had no work for long enough.

        `memory_of_others` tells the bytes that the slot's other children take.
        """
        self._parts = parts
        self.engine = ChildSupervisor(
            settings=parts.settings,
            device=parts.device,
            preview_demand=parts.bus.preview_demand,
            forget=self.forget,
            replace=lambda child: on_gone(self, child),
            counts=parts.counts,
            memory_of_others=lambda: memory_of_others(self),
        )
        self.upscaler = UpscalerSlot(
            bus=parts.bus,
            device=parts.device,
            library=parts.library,
            call=self.engine.call,
            ids=parts.ids,
        )
        self.clock = IdleClock(_seconds_of(parts.settings), lambda: on_idle(self))
        self.loaded: LoadRequest | None = None
        self.description: ModelLoaded | None = None
        self.unused_components: list[str] = []
        self._merged_loras: list[LoraFile] | None = None
        self._file_state: FileState | None = None

    @property
    def held(self) -> HeldModels:
        """What decides whether a job can run without a load."""
        return HeldModels(self.loaded, self.upscaler.loaded, self._merged_loras)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it."""
        return self.loaded is None and self.upscaler.loaded is None

    @property
    def architecture(self) -> str | None:
        """The model's."""
        return self.description.model_architecture if self.description else None

    async def holds_unchanged(self, request: LoadRequest, files: ModelFiles) -> bool:
        """Whether a load of these files would put into memory what is there already."""
        held = self.engine.is_alive and request.same_model(self.loaded) and self._merged_loras is None
        return held and self._file_state == await read_file_state(files)

    async def load(self, request: LoadRequest, files: ModelFiles) -> ModelLoaded:
        """Load in place of what was there. Raises LoadFailed in the engine's own words."""
        state = await read_file_state(files)
        self.forget_model()
        seemed_alive = self.engine.is_alive
        last: Report | None = None
        try:
            async for last in self._load_reports(request, files):
                if isinstance(last, LoadStep):
                    self._publish_step(request, last)
        except (EngineLost, EngineUnusable) as error:
            if seemed_alive and last is None:
                # It said nothing about the load: it was dead when it was asked, no fault of the model.
                return await self.load(request, files)
            raise _load_failed(request, str(error)) from error
        if not isinstance(last, Loaded):
            raise _load_failed(request, last.error.message if isinstance(last, Refused) else "no answer")
        self._file_state = state
        self.keep(request)
        return self._remember(request, last)

    def keep(self, request: LoadRequest) -> None:
        """It was asked for: it stays in memory as long as the request or the setting says."""
        wanted = request.keep_alive
        seconds = _seconds_of(self._parts.settings) if wanted is None else wanted
        self.clock.restart(seconds)
        if seconds == 0:
            self.clock.stop()  # until a job has used it

    async def unload(self) -> None:
        """Free the model, if there is one."""
        self.forget_model()
        if not self.engine.is_alive:
            return
        call_id = next(self._parts.ids)
        with suppress(EngineLost, EngineUnusable):  # a child that is gone holds nothing
            async for _report in self.engine.call(Unload(id=call_id), call_id):
                pass

    async def run(self, wanted: WorkCommand, call_id: int) -> AsyncGenerator[Report]:
        """Run the command of a job on what is loaded. Raises EngineLost when the child dies."""
        if isinstance(wanted, Generation) and wanted.options.lora_apply_mode == "immediately":
            self._merged_loras = wanted.loras
        async with aclosing(self.engine.call(wanted, call_id)) as reports:
            async for report in reports:
                yield report

    async def close(self) -> None:
        """End the child, and with it what it is doing."""
        self.clock.stop()
        await self.engine.close()

    def forget_model(self) -> None:
        """No model is loaded any more."""
        self.loaded = self.description = self._file_state = self._merged_loras = None
        self.unused_components = []

    def forget(self) -> None:
        """Nothing is loaded any more."""
        self.forget_model()
        self.upscaler.forget()

    # ------------------------------------------------------------ inside

    def _load_reports(self, request: LoadRequest, files: ModelFiles) -> AsyncIterator[Report]:
        call_id = next(self._parts.ids)
        options, threads = request.options, self._parts.device.threads
        if threads is not None and options.n_threads < 1:
            options = options.model_copy(update={"n_threads": threads})
        command = Load(id=call_id, files=files, options=options, backend=self._parts.device.backend)
        return self.engine.call(command, call_id)

    def _publish_step(self, request: LoadRequest, report: LoadStep) -> None:
        self._parts.bus.publish(
            ModelLoadingProgress(
                model_name=request.model_name, step=report.step, total_steps=report.total_steps
            )
        )

    def _remember(self, request: LoadRequest, report: Loaded) -> ModelLoaded:
        self.loaded = request
        self.unused_components = _warn_of_unused(request, report)
        self.description = ModelLoaded(
            model_name=request.model_name,
            model_type=request.model_type,
            model_architecture=_architecture_name(report.engine_architecture),
            loaded_components=LoadedComponents.model_validate(request.components()),
            warnings=self.unused_components or None,
        )
        log.info(
            "loaded %s (%s) on %s in %.1f s",
            request.model_name,
            self.architecture,
            self._parts.device,
            report.seconds,
        )
        return self.description


def _seconds_of(settings: Engine) -> float:
    return -1.0 if settings.unload_after is None else settings.unload_after


def _architecture_name(engine_name: str) -> str:
    known = architectures.find_by_engine_name(engine_name)
    return known.name if known else engine_name


def _warn_of_unused(request: LoadRequest, report: Loaded) -> list[str]:
    named = request.components()
    return [f"{part}: the engine has no use for {named[part]} with this model" for part in report.unused]


def _load_failed(request: LoadRequest, why: str) -> LoadFailed:
    return LoadFailed(f"Failed to load model: {request.model_name}: {why}")
