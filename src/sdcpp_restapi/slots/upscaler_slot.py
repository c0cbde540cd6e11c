"""The place for an upscaler beside a slot's main model: what is loaded there, and how it comes and goes.

Whoever uses it has taken the slot's turn.
"""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from itertools import count

from ..errors import EngineLost, EngineUnusable, UpscalerLoadFailed
from ..events import EventBus
from ..models.library import ModelLibrary
from ..schemas.engine import Command, LoadUpscaler, Report, UnloadUpscaler, UpscalerReady
from ..schemas.events import UpscalerLoaded
from ..schemas.pipe import Refused
from ..schemas.upscaling import UpscalerRequest
from .device import Device

log = logging.getLogger(__name__)

# A command to the slot's child, which is started if need be, and the id of the call.
Call = Callable[[Command, int], AsyncIterator[Report]]


class UpscalerSlot:
    """Remembers what the child holds; `forget` it when the child is gone."""

    def __init__(
        self, *, bus: EventBus, device: Device, library: ModelLibrary, call: Call, ids: "count[int]"
    ) -> None:
        self._bus = bus
        self._device = device
        self._library = library
        self._call = call
        self._ids = ids
        self.loaded: UpscalerRequest | None = None

    def forget(self) -> None:
        """Nothing is loaded any more."""
        self.loaded = None

    async def load(self, request: UpscalerRequest) -> UpscalerLoaded:
        """Load an upscaler in place of the one before.

        Raises UpscalerNotFound, BadRequest, UpscalerLoadFailed in the engine's own words.
        """
        path = await self._library.find_upscaler(request.model_name)
        self.forget()
        call_id = next(self._ids)
        command = LoadUpscaler(
            id=call_id,
            path=str(path),
            n_threads=request.n_threads if request.n_threads > 0 else self._device.threads or 0,
            backend=self._device.backend,
        )
        last: Report | None = None
        try:
            async for report in self._call(command, call_id):
                last = report
        except (EngineLost, EngineUnusable) as error:
            raise _load_failed(request, str(error)) from error
        if not isinstance(last, UpscalerReady):
            raise _load_failed(request, last.error.message if isinstance(last, Refused) else "no answer")
        self.loaded = request
        log.info("loaded upscaler %s (x%d)", request.model_name, last.upscale_factor)
        loaded = UpscalerLoaded(model_name=request.model_name, upscale_factor=last.upscale_factor)
        self._bus.publish(loaded)
        return loaded

    async def unload(self) -> None:
        """Free the upscaler, if there is one."""
        if self.loaded is None:
            return
        self.forget()
        call_id = next(self._ids)
        with suppress(EngineLost, EngineUnusable):  # a child that is gone holds nothing
            async for _report in self._call(UnloadUpscaler(id=call_id), call_id):
                pass


def _load_failed(request: UpscalerRequest, why: str) -> UpscalerLoadFailed:
    return UpscalerLoadFailed(f"Failed to load upscaler: {request.model_name}: {why}")
