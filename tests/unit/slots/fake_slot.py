"""A slot whose loads end when and how a test says."""

import asyncio

from sdcpp_restapi.errors import LoadFailed
from sdcpp_restapi.schemas.events import ModelLoaded, UpscalerLoaded
from sdcpp_restapi.schemas.models import LoadedComponents, LoadedSlot, LoadRequest
from sdcpp_restapi.schemas.required_files import RequiredFiles
from sdcpp_restapi.schemas.upscaling import UpscalerRequest
from sdcpp_restapi.slots.priority_lock import LOAD, PriorityLock

REQUEST = LoadRequest(model_name="m.gguf")


class FakeSlot:
    """Implements slots.slot.Slot. `files`: names of the files that its machine has, None = all."""

    def __init__(
        self,
        name: str,
        has_files: bool = True,
        *,
        files: set[str] | None = None,
        remote_name: str | None = None,
        comes_up: bool = False,
    ) -> None:
        self.name = name
        self.remote_name = remote_name
        self.problem: str | None = None
        self.loading: LoadRequest | None = None
        self.loaded: LoadRequest | None = None
        self.revivals = 0
        self.lock = PriorityLock()
        self.job_id: str | None = None
        # Names of the models that it began to load, in order.
        self.begun: list[str] = []
        self.broken_off = False
        self._files = files if has_files else set()
        self._comes_up = comes_up
        self._end_of_load: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    def end(self, error: str | None = None) -> None:
        """End the load, with this error or well; later loads end at once, and as this one."""
        self._end_of_load.set_result(error)

    def view(self) -> LoadedSlot:
        name = self.loaded.model_name if self.loaded else None
        return LoadedSlot(device=self.name, model_name=name, job_id=self.job_id)

    async def can_run(self, files: RequiredFiles) -> bool:
        return self._files is None or {file.name for file in files.files} <= self._files

    async def revive(self) -> bool:
        self.revivals += 1
        if self._comes_up:
            self.problem = None
        return self.problem is None

    async def load_on_request(self, request: LoadRequest) -> ModelLoaded:
        async with self.lock.take(LOAD):
            return await self._load(request)

    @property
    def residents(self) -> list[LoadRequest]:
        return [self.loaded] if self.loaded else []

    async def unload_on_request(self) -> None:
        async with self.lock.take(LOAD):
            self.loaded = None

    async def load_upscaler_on_request(self, request: UpscalerRequest) -> UpscalerLoaded:
        raise NotImplementedError

    async def unload_upscaler_on_request(self) -> None:
        raise NotImplementedError

    async def _load(self, request: LoadRequest) -> ModelLoaded:
        self.begun.append(request.model_name)
        self.loading, self.loaded = request, None
        try:
            error = await asyncio.shield(self._end_of_load)
        except asyncio.CancelledError:
            self.broken_off = True
            raise
        finally:
            self.loading = None
        if error:
            raise LoadFailed(error)
        self.loaded = request
        return ModelLoaded(
            model_name=request.model_name,
            model_type=request.model_type,
            model_architecture=None,
            loaded_components=LoadedComponents(),
        )
