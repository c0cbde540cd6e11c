"""The current upscaler: what POST /upscaler/load set, what jobs that upscale are stamped with."""

import asyncio
import logging

from ..errors import NoUpscalerLoaded, SdcppError, StorageUnavailable
from ..events import EventBus
from ..models.library import ModelLibrary
from ..preferences import Preferences
from ..schemas.base import Frozen
from ..schemas.events import UpscalerLoaded, UpscalerUnloaded
from ..schemas.upscaling import UpscalerRequest
from .pool import SlotPool

log = logging.getLogger(__name__)

PREFERENCE = "current_upscaler"


class CurrentUpscalerRecord(Frozen):
    """An upscaler that was asked for and proved to load."""

    request: UpscalerRequest
    loaded: UpscalerLoaded


class CurrentUpscaler:
    """One answer to the question which upscaler is loaded."""

    def __init__(
        self, *, pool: SlotPool, library: ModelLibrary, preferences: Preferences, bus: EventBus
    ) -> None:
        self._pool = pool
        self._library = library
        self._changing = asyncio.Lock()
        self._preferences = preferences
        self._bus = bus
        self._current: CurrentUpscalerRecord | None = None
        self._loads: set[asyncio.Task[UpscalerLoaded]] = set()

    @property
    def name(self) -> str | None:
        """The current upscaler's name."""
        return self._current.request.model_name if self._current else None

    def require(self) -> tuple[UpscalerRequest, int]:
        """What a job that upscales is stamped with, and its own factor. Raises NoUpscalerLoaded."""
        if self._current is None:
            raise NoUpscalerLoaded
        return self._current.request, self._current.loaded.upscale_factor

    async def restore(self, default: UpscalerRequest | None) -> None:
        """Begin to load the upscaler of the last run, which is current at once, or else the default."""
        self._current = await self._preferences.get(PREFERENCE, CurrentUpscalerRecord)
        if self._current is not None:
            log.info("loading upscaler %s, as in the last run", self.name)
            self._begin(self._current.request)
        elif default is not None:
            log.info("loading upscaler %s, the default", default.model_name)
            self._begin(default)

    async def close(self) -> None:
        """Break off loads that still run."""
        for load in self._loads:
            load.cancel()
        await asyncio.gather(*self._loads, return_exceptions=True)

    async def load(self, request: UpscalerRequest) -> UpscalerLoaded:
        """Make an upscaler the current one. It waits for the running job, and goes before the waiting ones.

        A caller that goes away does not stop the load. Raises UpscalerNotFound, BadRequest for a file that
        can't be used, UpscalerLoadFailed when the engine refuses; then none is loaded.
        """
        await self._library.check_upscaler(request.model_name)
        return await asyncio.shield(self._begin(request))

    async def unload(self) -> None:
        """Free the upscaler, once the running job is done. Nothing loaded is fine too."""
        async with self._changing:
            await self._pool.unload_upscaler()
            await self._forget()

    async def forget(self, request: UpscalerRequest) -> None:
        """A job unloaded this upscaler after use: its picture is done, whatever the database says."""
        if self._current is not None and self._current.request == request:
            try:
                await self._forget()
            except StorageUnavailable as error:
                log.warning("that upscaler %s was unloaded could not be stored: %s", self.name, error)

    def _begin(self, request: UpscalerRequest) -> asyncio.Task[UpscalerLoaded]:
        load = asyncio.create_task(self._load(request))
        self._loads.add(load)
        load.add_done_callback(self._drop)
        return load

    def _drop(self, load: asyncio.Task[UpscalerLoaded]) -> None:
        """Nobody may be left who waits for the load; its error is in the log all the same."""
        self._loads.discard(load)
        if not load.cancelled():
            load.exception()

    async def _load(self, request: UpscalerRequest) -> UpscalerLoaded:
        async with self._changing:
            try:
                loaded = await self._pool.load_upscaler(request)
            except SdcppError:
                await self._forget()
                raise
            self._current = CurrentUpscalerRecord(request=request, loaded=loaded)
            await self._preferences.set(PREFERENCE, self._current)
        return loaded

    async def _forget(self) -> None:
        held, self._current = self._current, None
        if held is not None:
            self._bus.publish(UpscalerUnloaded(model_name=held.request.model_name))
        await self._preferences.set(PREFERENCE, None)
