"""A slot: a device of this machine, and the engine children that hold its models.

One of them computes at a time (residents.py). The slot replaces it when it dies and loads its model and
upscaler again. Whoever uses the slot acquires it first (priority_lock.py); the methods below expect that, but
for `cancel`.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager, suppress
from datetime import datetime
from functools import lru_cache
from itertools import count

from ..background import BackgroundTasks
from ..config import Engine
from ..engine.client import EngineChild
from ..engine.out_of_memory import OutOfMemory
from ..errors import EngineLost, EngineUnusable, LoadFailed, SdcppError
from ..events import EventBus
from ..models.library import ModelLibrary
from ..schemas.engine import LoraFile, Report
from ..schemas.events import ModelLoaded, ModelLoadFailed, ModelLoadWaiting, UpscalerLoaded
from ..schemas.generation import GenerationRequest
from ..schemas.jobs import Job
from ..schemas.models import LoadedSlot, LoadRequest, ModelFiles, ResidentModel
from ..schemas.pipe import Cancel
from ..schemas.required_files import RequiredFiles
from ..schemas.upscaling import UpscaleRequest, UpscalerRequest
from .child_supervisor import ProcessCounts
from .device import Device
from .dispatch import RequiredLoads
from .file_state import measure_files
from .past_loads import PastLoads
from .priority_lock import JOB, LOAD, PriorityLock
from .resident import Resident, SlotParts, WorkCommand
from .residents import Residents
from .upscaler_slot import UpscalerSlot
from .working_memory import check_weights, estimate_working_bytes

log = logging.getLogger(__name__)


class EngineSlot:
    """One device, and what is in its memory."""

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
        self._background = BackgroundTasks()
        self.counts = ProcessCounts()
        parts = SlotParts(
            settings=settings, device=device, bus=bus, library=library, ids=self._ids, counts=self.counts
        )
        self._residents = Residents(parts, on_gone=self._restore, on_idle=self._on_idle)
        self._running: tuple[int, Resident] | None = None
        self.job_id: str | None = None
        self.loading: LoadRequest | None = None

    # ------------------------------------------------------------ life

    async def start(self) -> None:
        """Spawn the child; a library that cannot be used is told in the log and in `problem`."""
        async with self._lock.take(LOAD):
            with suppress(EngineLost, EngineUnusable):
                await self._active.engine.ensure()

    async def revive(self) -> bool:
        """Whether the engine runs; one that could not be started gets another chance now and then."""
        return await self._active.engine.try_again()

    async def close(self) -> None:
        """End the children, and with them what they are doing."""
        await self._residents.close()

    @property
    def child(self) -> EngineChild | None:
        """The child that computes, or did until it died."""
        return self._active.engine.child

    @property
    def problem(self) -> str | None:
        """Why the engine does not come up."""
        return self._active.engine.problem

    @property
    def has_engine(self) -> bool:
        """Whether the engine's process runs, as far as is known."""
        return self._active.engine.is_alive

    @property
    def engine(self) -> str | None:
        """The engine's revision, once it came up."""
        return self.child.hello.commit if self.child else None

    @property
    def loaded(self) -> LoadRequest | None:
        """The model on which jobs run now."""
        return self._active.loaded

    @property
    def residents(self) -> list[LoadRequest]:
        """All models in memory."""
        return [one.loaded for one in self._residents.all if one.loaded is not None]

    @property
    def upscaler(self) -> UpscalerSlot:
        """The place for an upscaler beside that model."""
        return self._active.upscaler

    @property
    def unused_components(self) -> list[str]:
        """Sentences on components of that model which the engine ignores."""
        return self._active.unused_components

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
        return files.allow_engine(self.engine, self.child.hello.revision if self.child else None) and (
            await self._library.has_all(files)
        )

    def view(self) -> LoadedSlot:
        """What memory holds now."""
        upscalers = (one.upscaler.loaded for one in self._residents.all)
        upscaler = next((held for held in upscalers if held), None)
        return _view_slot(
            self.name,
            self._lock.taken,
            upscaler.model_name if upscaler else None,
            self.job_id,
            tuple(_facts_of(one) for one in self._residents.all),
        )

    # ------------------------------------------------------------ work

    async def load_on_request(self, request: LoadRequest) -> ModelLoaded:
        """Load a model once the running job is done; raises what `load` raises.

        One that is in memory already is not read again, unless its files were changed.
        """
        if self._lock.taken:
            self._bus.publish(ModelLoadWaiting(model_name=request.model_name))
        async with self.acquire_for_load():
            self._residents.requested = request
            return await self.load(request, again=False)

    async def unload_on_request(self) -> None:
        """Free all models once the running job is done."""
        async with self.acquire_for_load():
            self._residents.requested = None
            await self._residents.drop_idle()
            self._active.clock.stop()
            await self._active.unload()

    async def load_upscaler_on_request(self, request: UpscalerRequest) -> UpscalerLoaded:
        """Load an upscaler once the running job is done; raises what UpscalerSlot.load raises."""
        async with self.acquire_for_load():
            self._active.clock.restart()
            return await self.upscaler.load(request)

    async def unload_upscaler_on_request(self) -> None:
        """Free the upscaler once the running job is done."""
        async with self.acquire_for_load():
            for one in self._residents.all:
                await one.upscaler.unload()

    async def load(self, request: LoadRequest, *, again: bool = True) -> ModelLoaded:
        """Put a model into memory, in place of another one if there is no room.

        One that is there is read `again`, or else only if its files changed. Raises LoadFailed in the
        engine's own words, ModelNotFound or BadRequest for names.
        """
        self.loading = request
        try:
            files, left_out = await self._library.find_load_files(request)
            loaded = None if again else await self._take_from_memory(request, files)
            if loaded is None:
                loaded = await self._read(request, files)
            loaded = _add_warnings(loaded, left_out)
            await self._past_loads.add(request, loaded)
        except SdcppError as error:
            self._bus.publish(ModelLoadFailed(model_name=request.model_name, error=str(error)))
            raise
        finally:
            self.loading = None
        self._bus.publish(loaded)
        return loaded

    def prepare_for(self, job: Job, loras: list[LoraFile]) -> RequiredLoads:
        """Have the job computed by the child that lacks the least for it; what it lacks."""
        return self._residents.activate_for(job, loras)

    @contextmanager
    def work_on(self, job: Job) -> Iterator[None]:
        """The slot has this job for the block; only work on pictures keeps a model in memory."""
        self.job_id = job.id
        try:
            yield
        finally:
            self.job_id = None
            if isinstance(job.params, GenerationRequest):
                if job.model is not None and job.model.same_model(self.loaded):
                    self._active.clock.restart(job.params.keep_alive)
            elif isinstance(job.params, UpscaleRequest):
                self._active.clock.restart()

    async def run(self, command: Callable[[int], WorkCommand]) -> AsyncGenerator[Report]:
        """Run the command of a job on what is loaded; the last report is its result or Refused.

        `command` is given the id of the call. Raises EngineLost when the child dies.
        """
        call_id = next(self._ids)
        self._running = call_id, self._active
        try:
            async with aclosing(self._active.run(command(call_id), call_id)) as reports:
                async for report in reports:
                    yield report
        finally:
            self._running = None

    async def cancel(self) -> None:
        """Stop the running job; a child that does not obey in time is replaced."""
        running = self._running
        if running is None or running[1].engine.child is None:
            return
        call_id, child = running[0], running[1].engine.child
        with suppress(EngineLost):
            await child.send(Cancel(id=call_id))
        await asyncio.sleep(self._settings.cancel_grace)
        if self._running == running:
            child.kill("The engine did not stop a cancelled job in time (engine.cancel_grace)")

    # ------------------------------------------------------------ memory

    @property
    def on_cpu(self) -> bool:
        """Whether it computes in main memory."""
        devices = self.child.hello.devices if self.child else []
        return self._device.is_cpu_among(devices)

    @property
    def room(self) -> int:
        """Bytes of main memory that a model and its work could take here, if all others left it."""
        return self._residents.room

    async def free_idle(self) -> bool:
        """Free the models that are not in use; whether there were any."""
        return await self._residents.drop_idle("memory")

    def must_tile(self, job: Job) -> bool:
        """Whether decoding the job's pictures in one piece would take more memory than there is."""
        params, model = job.params, job.model
        if not (self._settings.memory_check and self.on_cpu) or model is None:
            return False
        if not isinstance(params, GenerationRequest) or params.vae_tiling:
            return False
        return estimate_working_bytes(params, model) > self.room

    # ------------------------------------------------------------ inside

    @property
    def _active(self) -> Resident:
        return self._residents.active

    async def _read(self, request: LoadRequest, files: ModelFiles) -> ModelLoaded:
        need = await measure_files(files)
        told = check_weights(request, need, self.room) if self._settings.memory_check and self.on_cpu else []
        place = await self._residents.make_room(request, need)
        out_of_memory = OutOfMemory()
        try:
            loaded = await place.load(request, files)
        except LoadFailed as error:
            if not out_of_memory.explains(error) or not await self.free_idle():
                raise
            loaded = await place.load(request, files)
        return _add_warnings(loaded, told)

    async def _take_from_memory(self, request: LoadRequest, files: ModelFiles) -> ModelLoaded | None:
        """What a load would answer, if it would put into memory what is there already."""
        held = self._residents.find(request)
        if held is None or not await held.holds_unchanged(request, files):
            return None
        self._residents.activate(held)
        held.keep(request)
        return held.description

    def _on_idle(self, resident: Resident) -> None:
        self._background.spawn(self._free_idle(resident))

    async def _free_idle(self, resident: Resident) -> None:
        """Free what nobody used for long enough. The current model stays what it is."""
        if resident is self._active:
            async with self.acquire_for_load():
                # Meanwhile there may have been work for it, or for another one.
                if resident is self._active and resident.clock.has_ended:
                    resident.clock.stop()
                    self._residents.tell_idle(resident)
                    await resident.unload()
                    await resident.upscaler.unload()
        if resident in self._residents and resident is not self._active and resident.clock.has_ended:
            await self._residents.drop(resident, "idle")

    async def _restore(self, resident: Resident, child: EngineChild) -> None:
        """A fresh child with the same model and upscaler, before the next job."""
        held, upscaler = resident.loaded, resident.upscaler.loaded
        resident.forget()
        async with self.acquire_for_load():
            if resident.engine.child is not child:
                return
            if resident is not self._active:
                return self._residents.drop_lost(resident)
            try:
                await resident.engine.ensure()
                if held is not None:
                    await self.load(held)
                if upscaler is not None:
                    await self.upscaler.load(upscaler)
            except SdcppError as error:
                log.error("the engine could not be brought back: %s", error)


def revision_of(slots: Iterable[EngineSlot]) -> str | None:
    """The git revision of the engine, once one of the slots has come up."""
    return next((slot.engine for slot in slots if slot.engine), None)


def _add_warnings(loaded: ModelLoaded, warnings: list[str]) -> ModelLoaded:
    return loaded.model_copy(update={"warnings": [*(loaded.warnings or []), *warnings] or None})


# Of a child: name and architecture of its model, and when it leaves memory.
_Facts = tuple[str | None, str | None, datetime | None]


def _facts_of(resident: Resident) -> _Facts:
    name = resident.loaded.model_name if resident.loaded else None
    return name, resident.architecture, resident.clock.expires_at if name else None


@lru_cache(maxsize=64)
def _view_slot(
    device: str, busy: bool, upscaler: str | None, job_id: str | None, held: tuple[_Facts, ...]
) -> LoadedSlot:
    """What a slot of this machine holds: while nothing changes, the same object."""
    (name, architecture, expires_at), *others = held
    models = [
        ResidentModel(model_name=one[0], model_architecture=one[1], expires_at=one[2])
        for one in held
        if one[0] is not None
    ]
    return LoadedSlot(
        device=device,
        model_name=name,
        model_architecture=architecture,
        busy=busy,
        expires_at=None if busy else expires_at,
        resident_models=models if others else None,
        upscaler=upscaler,
        job_id=job_id,
    )
