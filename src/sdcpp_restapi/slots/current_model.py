"""The current model: what POST /models/load set, what new jobs are stamped with, what is loaded at start."""

import asyncio
import logging
from collections.abc import Mapping

from .. import __version__
from ..errors import EngineLost, LoadInProgress, NoModelLoaded, NoSlot, SdcppError
from ..events import EventBus
from ..models import architectures
from ..models.library import ModelLibrary
from ..preferences import Preferences
from ..schemas.base import Frozen
from ..schemas.events import ModelLoaded, ModelUnloaded
from ..schemas.models import Health, LoadRequest
from ..schemas.options import Architecture, GenerationDefaults
from .pool import SlotPool

log = logging.getLogger(__name__)

PREFERENCE = "current_model"


class CurrentModelRecord(Frozen):
    """A model that was asked for and proved to load."""

    request: LoadRequest
    loaded: ModelLoaded


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
    ) -> None:
        self._pool = pool
        self._library = library
        self._changing = asyncio.Lock()
        self._preferences = preferences
        self._bus = bus
        self._presets = presets
        self._requested: asyncio.Task[ModelLoaded] | None = None
        self._restoring: asyncio.Task[ModelLoaded] | None = None
        self._asked_for: LoadRequest | None = None
        self._last_error: str | None = None
        self._current: CurrentModelRecord | None = None

    async def restore(self, otherwise: LoadRequest | None = None) -> None:
        """Take the model of the last run as the current one and begin to load it again.

        `otherwise` is loaded when there was none. Returns before it is loaded; jobs may be submitted for a
        model of the last run at once. A failure is told by /health.
        """
        self._current = await self._preferences.get(PREFERENCE, CurrentModelRecord)
        request = self._current.request if self._current else otherwise
        if request is not None:
            log.info("loading %s%s", request.model_name, ", as in the last run" if self._current else "")
            self._asked_for = request
            load = self._load_again if self._current else self._prepare_and_load
            self._restoring = asyncio.create_task(load(request))
            self._restoring.add_done_callback(_retrieve_exception)

    async def close(self) -> None:
        """Break off loads that still run."""
        loads = [load for load in (self._requested, self._restoring) if load is not None]
        for load in loads:
            load.cancel()
        await asyncio.gather(*loads, return_exceptions=True)

    async def load(self, request: LoadRequest) -> ModelLoaded:
        """Make a model the current one. It waits for the running job, and goes before the waiting ones.

        A caller that goes away does not stop the load. Raises LoadInProgress while another load that was
        asked for runs, ModelNotFound and BadRequest for names, LoadFailed when the engine refuses.
        """
        if self._requested is not None and not self._requested.done():
            loading = self._pool.loading or self._find_awaited()
            name = loading.model_name if loading else self.require().model_name
            raise LoadInProgress(f"Another model is being loaded: {name}; try again later")
        self._asked_for = request
        self._requested = asyncio.create_task(self._prepare_and_load(request))
        self._requested.add_done_callback(_retrieve_exception)
        return await asyncio.shield(self._requested)

    async def unload(self) -> None:
        """Free the model, once the running job is done."""
        async with self._changing:
            await self._pool.unload()
            if self._current is not None:
                self._bus.publish(ModelUnloaded(model_name=self._current.request.model_name))
            await self._forget()

    def require(self) -> LoadRequest:
        """The model that a new job is stamped with. Raises NoModelLoaded."""
        if self._current is None:
            raise NoModelLoaded
        return self._current.request

    def identity(self) -> tuple[str, str] | None:
        """Name and type of the current model."""
        return (self._current.request.model_name, self._current.request.model_type) if self._current else None

    def architecture(self) -> Architecture | None:
        """What is known about the current model's architecture."""
        if self._current is None or self._current.loaded.model_architecture is None:
            return None
        return architectures.describe(self._current.loaded.model_architecture, self._presets)

    def health(self, upscaler_name: str | None) -> Health:
        """The body of GET /health; `upscaler_name` is that of the current upscaler."""
        loading = self._pool.loading or self._find_awaited()
        shown = self._current if self._is_settled() else None
        return Health(
            model_loaded=shown is not None,
            model_loading=loading is not None,
            loading_model_name=loading.model_name if loading else None,
            last_error=self._last_error or self._pool.problem,
            model_name=shown.request.model_name if shown else None,
            model_type=shown.request.model_type if shown else None,
            model_architecture=shown.loaded.model_architecture if shown else None,
            loaded_components=shown.loaded.loaded_components if shown else {},
            upscaler_loaded=upscaler_name is not None,
            upscaler_name=upscaler_name,
            loaded_slots=self._pool.views(),
            version=__version__,
        )

    def _is_settled(self) -> bool:
        """Whether the current model is neither being replaced nor loaded again.

        A job that loads another model for itself does not change what the current one is.
        """
        current = self._current
        return self._find_awaited() is None and (
            current is None or not self._pool.is_first_load(current.request)
        )

    def _find_awaited(self) -> LoadRequest | None:
        """The model of a load that waits for its turn or runs."""
        running = any(load is not None and not load.done() for load in (self._requested, self._restoring))
        return self._asked_for if running else None

    async def _prepare_and_load(self, request: LoadRequest) -> ModelLoaded:
        try:
            completed = await self._library.complete(request)
        except SdcppError as error:
            log.warning("%s", error)
            self._last_error = str(error)
            raise
        loaded = await self._load(completed.request)
        warnings = [*completed.warnings, *(loaded.warnings or [])]
        return loaded.model_copy(update={"warnings": warnings or None})

    async def _load_again(self, request: LoadRequest) -> ModelLoaded:
        """Load the model of the last run. It stays the current one if the engine dies over it, which may be
        somebody's kill, or if workers are still to come: the next job tries again."""
        before = self._current
        try:
            return await self._load(request)
        except SdcppError as error:
            if isinstance(error, NoSlot) or isinstance(error.__cause__, EngineLost):
                self._current = before
            raise

    async def _load(self, request: LoadRequest) -> ModelLoaded:
        self._asked_for, self._last_error = request, None
        async with self._changing:
            try:
                loaded = await self._pool.load(request)
            except SdcppError as error:
                self._last_error = str(error)
                self._current = None
                raise
            self._current = CurrentModelRecord(request=request, loaded=loaded)
            # What is left to wait for is the disk: who hears model_loaded and then asks /health must see it.
            self._asked_for = None
            await self._preferences.set(PREFERENCE, self._current)
        return loaded

    async def _forget(self) -> None:
        self._current = None
        await self._preferences.set(PREFERENCE, None)


def _retrieve_exception(task: asyncio.Task[ModelLoaded]) -> None:
    """Nobody may be left who waits for the load; its error is in the log and in /health all the same."""
    if not task.cancelled():
        task.exception()
