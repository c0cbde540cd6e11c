"""The current model: what POST /models/load set, what new jobs are stamped with, what is loaded at start."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple

from .. import __version__
from ..errors import EngineLost, LoadInProgress, NoModelLoaded, NoSlot, SdcppError
from ..events import EventBus
from ..models import architectures
from ..models.library import ModelLibrary
from ..preferences import Preferences
from ..schemas.base import Frozen
from ..schemas.events import ModelLoaded, ModelUnloaded
from ..schemas.models import Health, LoadedSlot, LoadRequest
from ..schemas.options import Architecture, GenerationDefaults
from .pool import SlotPool
from .requested_load import RequestedLoad

log = logging.getLogger(__name__)

PREFERENCE = "current_model"


class CurrentModelRecord(Frozen):
    """A model that was asked for and proved to load."""

    request: LoadRequest
    loaded: ModelLoaded


class ModelState(NamedTuple):
    """What GET /health tells of models, by its facts: cheap to gather and to compare."""

    current: CurrentModelRecord | None
    loading: LoadRequest | None
    problem: str | None
    slots: list[LoadedSlot]

    def describe(self, upscaler_name: str | None) -> Health:
        """As the body of GET /health has it; `upscaler_name` is that of the current upscaler."""
        current, loading = self.current, self.loading
        return Health(
            model_loaded=current is not None,
            model_loading=loading is not None,
            loading_model_name=loading.model_name if loading else None,
            last_error=self.problem,
            model_name=current.request.model_name if current else None,
            model_type=current.request.model_type if current else None,
            model_architecture=current.loaded.model_architecture if current else None,
            loaded_components=current.loaded.loaded_components if current else {},
            upscaler_loaded=upscaler_name is not None,
            upscaler_name=upscaler_name,
            loaded_slots=self.slots,
            version=__version__,
        )


class CurrentModel:
    """One answer to the question which model is loaded; /health and /models read it here."""

    def __init__(
        self,
        *,
        pool: SlotPool,
        library: ModelLibrary,
        preferences: Preferences,
        bus: EventBus,
        presets: Mapping[str, GenerationDefaults],
        check: Callable[[LoadRequest], None] = lambda _request: None,
    ) -> None:
        """`check` raises BadRequest for what the engine at hand does not know."""
        self._pool = pool
        self._library = library
        self._changing = asyncio.Lock()
        self._preferences = preferences
        self._bus = bus
        self._presets = presets
        self._check = check
        # All that are carried out, and the one that came last: until a slot begins it, it can be replaced.
        self._works: set[asyncio.Task[ModelLoaded]] = set()
        self._latest: RequestedLoad | None = None
        self._last_error: str | None = None
        self._current: CurrentModelRecord | None = None
        # Whether the current model is that of the last run, and no load has ended in this one.
        self._of_last_run = False

    async def restore(self, otherwise: LoadRequest | None = None) -> None:
        """Take the model of the last run as the current one and begin to load it again.

        `otherwise` is loaded when there was none. Returns before it is loaded; jobs may be submitted for a
        model of the last run at once. A failure is told by /health.
        """
        self._current = await self._preferences.get(PREFERENCE, CurrentModelRecord)
        request = self._current.request if self._current else otherwise
        if request is not None:
            log.info("loading %s%s", request.model_name, ", as in the last run" if self._current else "")
            self._of_last_run = self._current is not None
            load = RequestedLoad(request, at_start=True)
            self._begin(load, self._load_again(load) if self._current else self._prepare_and_load(load))

    async def close(self) -> None:
        """Break off loads that still run."""
        for work in self._works:
            work.cancel()
        await asyncio.gather(*self._works, return_exceptions=True)

    async def load(self, request: LoadRequest) -> ModelLoaded:
        """Make a model the current one. It waits for the running job, and goes before the waiting ones.

        It takes the place of a load that still waits, of which the answer is LoadReplaced; if that is the
        same request, both get its answer. A caller that goes away does not stop the load. Raises
        LoadInProgress while a load that was asked for is being read, ModelNotFound and BadRequest for names,
        LoadFailed when the engine refuses.
        """
        self._check(request)
        self._refuse_beside_begun()
        if self._latest is not None and self._latest.asks_for(request):
            return await self._latest.wait()
        load = RequestedLoad(request)
        self._begin(load, self._prepare_and_load(load))
        return await load.wait()

    async def unload(self) -> None:
        """Free the model, once the running job is done. A load that waits never happens."""
        self._replace_waiting("an unload was asked for while it waited for its turn")
        async with self._changing:
            await self._pool.unload()
            if self._current is not None:
                self._bus.publish(ModelUnloaded(model_name=self._current.request.model_name))
            self._current, self._of_last_run = None, False
            await self._preferences.set(PREFERENCE, None)

    async def unload_slot(self, name: str) -> None:
        """Free the models of one slot, once its running job is done. The current model stays what it is.

        Raises BadRequest where there is no such slot.
        """
        for model_name in await self._pool.unload_slot(name):
            self._bus.publish(ModelUnloaded(model_name=model_name, slot=name))

    def require(self) -> LoadRequest:
        """The model that a new job is stamped with. Raises NoModelLoaded."""
        if self._current is None:
            raise NoModelLoaded
        return self._current.request

    def identity(self) -> tuple[str, str] | None:
        """Name and type of the model that /health shows."""
        shown = self._find_shown()
        return (shown.request.model_name, shown.request.model_type) if shown else None

    def architecture(self) -> Architecture | None:
        """What is known about the current model's architecture."""
        if self._current is None or self._current.loaded.model_architecture is None:
            return None
        return architectures.describe(self._current.loaded.model_architecture, self._presets)

    def health(self, upscaler_name: str | None) -> Health:
        """The body of GET /health; `upscaler_name` is that of the current upscaler."""
        return self.state().describe(upscaler_name)

    def state(self) -> ModelState:
        """What GET /health tells of it."""
        waiting = self._latest.request if self._latest else None
        return ModelState(
            current=self._find_shown(),
            loading=self._pool.begun or waiting or self._pool.loading,
            problem=self._last_error or self._pool.problem,
            slots=self._pool.views(),
        )

    def _find_shown(self) -> CurrentModelRecord | None:
        """The current model, unless another one is being read in its place, or it itself is.

        A load that waits changes nothing yet, and one that a job needs does not make another model current.
        """
        current = self._current
        if current is None or self._of_last_run or self._pool.begun is not None:
            return None
        return None if self._pool.is_first_load(current.request) else current

    # ------------------------------------------------------------ whose turn it is

    def _begin(self, load: RequestedLoad, work: Coroutine[Any, Any, ModelLoaded]) -> None:
        if self._latest is None:
            self._latest = load
        task = load.begin(work)
        self._works.add(task)
        task.add_done_callback(lambda done: self._end(load, done))

    def _end(self, load: RequestedLoad, work: asyncio.Task[ModelLoaded]) -> None:
        self._works.discard(work)
        if self._latest is load:
            self._latest = None

    def _refuse_beside_begun(self) -> None:
        """Raise LoadInProgress if a slot has begun with the latest load; one of the start is waited for."""
        latest = self._latest
        if latest is not None and not latest.at_start and self._pool.begun is latest.request:
            raise LoadInProgress(
                f"Another model is being loaded: {latest.request.model_name}; try again later"
            )

    def _take_place(self, load: RequestedLoad) -> None:
        """Make it the latest load. Raises LoadInProgress."""
        if self._latest is not load:
            self._refuse_beside_begun()
            self._replace_waiting(f"{load.request.model_name} took its place while it waited for its turn")
            self._latest = load

    def _replace_waiting(self, reason: str) -> None:
        """End the latest load if no slot has begun with it."""
        waiting = self._latest
        if waiting is not None and self._pool.begun is not waiting.request:
            log.info("%s is not loaded: %s", waiting.request.model_name, reason)
            self._pool.withdraw(waiting.request)
            waiting.replace(reason)
            self._latest = None

    # ------------------------------------------------------------ what a load does

    async def _prepare_and_load(self, load: RequestedLoad) -> ModelLoaded:
        try:
            completed = await self._library.complete(load.request)
        except SdcppError as error:
            log.warning("%s", error)
            self._last_error = str(error)
            raise
        load.request = completed.request
        self._take_place(load)
        loaded = await self._load(load)
        warnings = [*completed.warnings, *(loaded.warnings or [])]
        return loaded.model_copy(update={"warnings": warnings or None})

    async def _load_again(self, load: RequestedLoad) -> ModelLoaded:
        """Load the model of the last run. It stays the current one if the engine dies over it, which may be
        somebody's kill, or if workers are still to come: the next job tries again."""
        before = self._current
        try:
            return await self._load(load)
        except SdcppError as error:
            if isinstance(error, NoSlot) or isinstance(error.__cause__, EngineLost):
                self._current = before
            raise

    async def _load(self, load: RequestedLoad) -> ModelLoaded:
        async with self._changing:
            self._last_error = None
            try:
                loaded = await self._pool.load(load.request)
            except SdcppError as error:
                self._last_error = str(error)
                self._current, self._of_last_run = None, False
                raise
            self._current = CurrentModelRecord(request=load.request, loaded=loaded)
            self._last_error, self._of_last_run = None, False
            # What is left to wait for is the disk: who hears model_loaded and then asks /health must see it.
            if self._latest is load:
                self._latest = None
            await self._preferences.set(PREFERENCE, self._current)
        return loaded
