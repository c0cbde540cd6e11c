"""What a slot can do: one here (engine_slot.py), or one of a worker (cluster/server/remote_slot.py)."""

from collections.abc import Sequence
from typing import Protocol

from ..schemas.events import ModelLoaded, UpscalerLoaded
from ..schemas.models import LoadedSlot, LoadRequest
from ..schemas.required_files import RequiredFiles
from ..schemas.upscaling import UpscalerRequest


class Slot(Protocol):
    """A place for one model and one upscaler in the memory of a device."""

    @property
    def name(self) -> str:
        """As logs and errors name it."""
        ...

    @property
    def remote_name(self) -> str | None:
        """What rows of its jobs say: the worker and the number of the slot; None on this machine."""
        ...

    @property
    def loaded(self) -> LoadRequest | None:
        """The model in memory; of several, the one that was used last."""
        ...

    @property
    def residents(self) -> Sequence[LoadRequest]:
        """All models in memory, `loaded` first."""
        ...

    @property
    def loading(self) -> LoadRequest | None:
        """The model that is being read."""
        ...

    @property
    def problem(self) -> str | None:
        """Why its engine does not come up, in a sentence; None while it runs or was not started yet."""
        ...

    def view(self) -> LoadedSlot:
        """What memory holds now, as GET /health shows it."""
        ...

    async def can_run(self, files: RequiredFiles) -> bool:
        """Whether its machine has these files and may be given jobs."""
        ...

    async def revive(self) -> bool:
        """Whether its engine runs; one that could not be started gets another chance now and then."""
        ...

    async def load_on_request(self, request: LoadRequest) -> ModelLoaded:
        """Load a model once the running job is done. Raises LoadFailed."""
        ...

    async def unload_on_request(self) -> None:
        """Free the model once the running job is done."""
        ...

    async def load_upscaler_on_request(self, request: UpscalerRequest) -> UpscalerLoaded:
        """Load an upscaler once the running job is done. Raises UpscalerLoadFailed."""
        ...

    async def unload_upscaler_on_request(self) -> None:
        """Free the upscaler once the running job is done."""
        ...


def loads_on_request(slot: Slot, request: LoadRequest) -> bool:
    """Whether the slot reads this model because it was asked to, and not since its job needs it."""
    return request.same_model(slot.loading) and slot.view().job_id is None
