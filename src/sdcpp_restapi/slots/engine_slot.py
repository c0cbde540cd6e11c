"""A slot: the place where one model is in memory, whatever happens to the child that holds it.

An upscaler may sit beside it (upscaler_slot.py). The slot spawns the child, replaces it when it dies and
loads both again. Whoever uses it acquires it first (priority_lock.py); the methods below expect that, but for
`cancel`.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from itertools import count

from ..config import Engine
from ..engine.client import EngineChild
from ..errors import EngineLost, EngineUnusable, LoadFailed, SdcppError
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
from ..schemas.events import (
    ModelLoaded,
    ModelLoadFailed,
    ModelLoadingProgress,
    ModelLoadWaiting,
    UpscalerLoaded,
)
from ..schemas.models import LoadedComponents, LoadedSlot, LoadRequest, ModelFiles
from ..schemas.pipe import Cancel, Refused
from ..schemas.required_files import RequiredFiles
from ..schemas.upscaling import UpscalerRequest
from .child_supervisor import ChildSupervisor
from .device import Device
from .dispatch import HeldModels
from .past_loads import PastLoads
from .priority_lock import JOB, LOAD, PriorityLock
from .upscaler_slot import UpscalerSlot

log = logging.getLogger(__name__)

WorkCommand = Generate | GenerateVideo | Upscale | Convert


class EngineSlot:
    """One device, one child, one model."""

    def __init__(
        self,
        *,
        settings: Engine,
        device: Device,
        bus: EventBus,
        library: ModelLibrary,
        past_loads: PastLoads,
    ) -> None:
        self._settings = settings
        self._device = device
        self._bus = bus
        self._library = library
        self._past_loads = past_loads
        self._lock = PriorityLock()
        self._ids = count(1)
        self._engine = ChildSupervisor(
            settings=settings, device=device, forget=self._forget_all, replace=self._restore
        )
        self.upscaler = UpscalerSlot(
            bus=bus, device=device, library=library, call=self._engine.call, ids=self._ids
        )
        self._running: int | None = None
        self.job_id: str | None = None
        self.loaded: LoadRequest | None = None
        self.loading: LoadRequest | None = None
        self.architecture: str | None = None
        self.unused_components: list[str] = []
        self._merged_loras: list[LoraFile] | None = None

    # ------------------------------------------------------------ life

    async def start(self) -> None:
        """Spawn the child; a library that cannot be used is told in the log and in `problem`."""
        async with self._lock.take(LOAD):
            with suppress(EngineLost, EngineUnusable):
                await self._engine.ensure()

    async def revive(self) -> bool:
        """Whether the engine runs; one that could not be started gets another chance now and then."""
        return await self._engine.try_again()

    async def close(self) -> None:
        """End the child, and with it what it is doing."""
        await self._engine.close()

    @property
    def child(self) -> EngineChild | None:
        """The child that holds the model, or did until it died."""
        return self._engine.child

    @property
    def problem(self) -> str | None:
        """Why the engine does not come up."""
        return self._engine.problem

    def acquire(self) -> AbstractAsyncContextManager[None]:
        """For jobs."""
        return self._lock.take(JOB)

    def acquire_for_load(self) -> AbstractAsyncContextManager[None]:
        """For requested loads, which go before waiting jobs."""
        return self._lock.take(LOAD)

    @property
    def name(self) -> str:
        """Which of this machine's slots it is."""
        return str(self._device)

    @property
    def remote_name(self) -> None:
        """It is on this machine."""
        return None

    async def can_run(self, files: RequiredFiles) -> bool:
        """Whether this machine has the files that a job requires."""
        return await self._library.has_all(files)

    def view(self) -> LoadedSlot:
        """What memory holds now."""
        return LoadedSlot(
            device=self.name,
            model_name=self.loaded.model_name if self.loaded else None,
            model_architecture=self.architecture,
            busy=self._lock.taken,
            upscaler=self.upscaler.loaded.model_name if self.upscaler.loaded else None,
            job_id=self.job_id,
        )

    @property
    def held(self) -> HeldModels:
        """What decides whether a job can run without a load."""
        return HeldModels(self.loaded, self.upscaler.loaded, self._merged_loras)

    # ------------------------------------------------------------ work

    async def load_on_request(self, request: LoadRequest) -> ModelLoaded:
        """Load a model once the running job is done; raises what `load` raises."""
        if self._lock.taken:
            self._bus.publish(ModelLoadWaiting(model_name=request.model_name))
        async with self.acquire_for_load():
            return await self.load(request)

    async def unload_on_request(self) -> None:
        """Free the model once the running job is done."""
        async with self.acquire_for_load():
            await self.unload()

    async def load_upscaler_on_request(self, request: UpscalerRequest) -> UpscalerLoaded:
        """Load an upscaler once the running job is done; raises what UpscalerSlot.load raises."""
        async with self.acquire_for_load():
            return await self.upscaler.load(request)

    async def unload_upscaler_on_request(self) -> None:
        """Free the upscaler once the running job is done."""
        async with self.acquire_for_load():
            await self.upscaler.unload()

    async def load(self, request: LoadRequest) -> ModelLoaded:
        """Put a model into memory, in place of what was there.

        Raises LoadFailed in the engine's own words, ModelNotFound or BadRequest for names.
        """
        self.loading = request
        try:
            files, left_out = await self._library.find_load_files(request)
            loaded = _add_warnings(await self._load(request, files), left_out)
            await self._past_loads.add(request, loaded)
        except SdcppError as error:
            self._bus.publish(ModelLoadFailed(model_name=request.model_name, error=str(error)))
            raise
        finally:
            self.loading = None
        self._bus.publish(loaded)
        return loaded

    async def unload(self) -> None:
        """Free the model, if there is one."""
        self._forget()
        if not self._engine.is_alive:
            return
        call_id = next(self._ids)
        with suppress(EngineLost, EngineUnusable):  # a child that is gone holds nothing
            async for _report in self._engine.call(Unload(id=call_id), call_id):
                pass

    async def run(self, command: Callable[[int], WorkCommand]) -> AsyncGenerator[Report]:
        """Run the command of a job on what is loaded; the last report is its result or Refused.

        `command` is given the id of the call. Raises EngineLost when the child dies.
        """
        call_id = next(self._ids)
        self._running = call_id
        wanted = command(call_id)
        if isinstance(wanted, Generation) and wanted.options.lora_apply_mode == "immediately":
            self._merged_loras = wanted.loras
        try:
            async with aclosing(self._engine.call(wanted, call_id)) as reports:
                async for report in reports:
                    yield report
        finally:
            self._running = None

    async def cancel(self) -> None:
        """Stop the running job; a child that does not obey in time is replaced."""
        call_id, child = self._running, self.child
        if call_id is None or child is None:
            return
        with suppress(EngineLost):
            await child.send(Cancel(id=call_id))
        await asyncio.sleep(self._settings.cancel_grace)
        if self._running == call_id:
            child.kill("The engine did not stop a cancelled job in time (engine.cancel_grace)")

    # ------------------------------------------------------------ inside

    async def _load(self, request: LoadRequest, files: ModelFiles) -> ModelLoaded:
        self._forget()
        seemed_alive = self._engine.is_alive
        last: Report | None = None
        try:
            async for last in self._load_reports(request, files):
                if isinstance(last, LoadStep):
                    self._publish_step(request, last)
        except (EngineLost, EngineUnusable) as error:
            if seemed_alive and last is None:
                # It said nothing about the load: it was dead when it was asked, no fault of the model.
                return await self._load(request, files)
            raise _load_failed(request, str(error)) from error
        if not isinstance(last, Loaded):
            raise _load_failed(request, last.error.message if isinstance(last, Refused) else "no answer")
        return self._remember(request, last)

    def _load_reports(self, request: LoadRequest, files: ModelFiles) -> AsyncIterator[Report]:
        call_id = next(self._ids)
        options, threads = request.options, self._device.threads
        if threads is not None and options.n_threads < 1:
            options = options.model_copy(update={"n_threads": threads})
        command = Load(id=call_id, files=files, options=options, backend=self._device.backend)
        return self._engine.call(command, call_id)

    def _publish_step(self, request: LoadRequest, report: LoadStep) -> None:
        self._bus.publish(
            ModelLoadingProgress(
                model_name=request.model_name, step=report.step, total_steps=report.total_steps
            )
        )

    def _remember(self, request: LoadRequest, report: Loaded) -> ModelLoaded:
        self.loaded = request
        self._merged_loras = None
        self.architecture = _architecture_name(report.engine_architecture)
        log.info(
            "loaded %s (%s) on %s in %.1f s",
            request.model_name,
            self.architecture,
            self.name,
            report.seconds,
        )
        self.unused_components = _warn_of_unused(request, report)
        return ModelLoaded(
            model_name=request.model_name,
            model_type=request.model_type,
            model_architecture=self.architecture,
            loaded_components=LoadedComponents.model_validate(request.components()),
            warnings=self.unused_components or None,
        )

    def _forget(self) -> None:
        self.loaded = None
        self.architecture = None
        self.unused_components = []

    def _forget_all(self) -> None:
        self._forget()
        self.upscaler.forget()

    async def _restore(self, child: EngineChild) -> None:
        """A fresh child with the same model and upscaler, before the next job."""
        held, upscaler = self.loaded, self.upscaler.loaded
        self._forget_all()
        async with self.acquire_for_load():
            if self.child is not child:
                return
            try:
                await self._engine.ensure()
                if held is not None:
                    await self.load(held)
                if upscaler is not None:
                    await self.upscaler.load(upscaler)
            except SdcppError as error:
                log.error("the engine could not be brought back: %s", error)


def revision_of(slots: Iterable[EngineSlot]) -> str | None:
    """The git revision of the engine, once one of the slots has come up."""
    return next((slot.child.hello.commit for slot in slots if slot.child), None)


def _architecture_name(engine_name: str) -> str:
    known = architectures.find_by_engine_name(engine_name)
    return known.name if known else engine_name


def _warn_of_unused(request: LoadRequest, report: Loaded) -> list[str]:
    named = request.components()
    return [f"{part}: the engine has no use for {named[part]} with this model" for part in report.unused]


def _add_warnings(loaded: ModelLoaded, warnings: list[str]) -> ModelLoaded:
    return loaded.model_copy(update={"warnings": [*(loaded.warnings or []), *warnings] or None})


def _load_failed(request: LoadRequest, why: str) -> LoadFailed:
    return LoadFailed(f"Failed to load model: {request.model_name}: {why}")
