"""The models of workers, as the model library asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...errors import ModelNotFound, NotFound
from ...models.model_inventory import ModelInventory
from ...schemas.cluster import Complete, Completed, Inspect
from ...schemas.inspection import Inspection
from ...schemas.model_types import ModelType
from ...schemas.models import LoadRequest
from .known_workers import KnownWorkers

if TYPE_CHECKING:
    from .remote_worker import RemoteWorker  # imports NATS, which a server without a broker never does


class RemoteLibraries:
    """The model libraries of all usable workers."""

    def __init__(self, workers: KnownWorkers) -> None:
        self._workers = workers

    @property
    def revision(self) -> int:
        """Rises whenever the models of workers change."""
        return self._workers.revision

    def machines(self) -> Sequence[RemoteLibrary]:
        """One for each worker that may be given jobs."""
        return [RemoteLibrary(worker) for worker in self._workers.usable()]


class RemoteLibrary:
    """The model library of one worker."""

    def __init__(self, worker: RemoteWorker) -> None:
        self._worker = worker
        self.name = worker.name

    @property
    def inventory(self) -> ModelInventory:
        """The model files that the worker last reported."""
        return self._worker.inventory

    async def complete(self, request: LoadRequest, whole: bool) -> Completed:
        """A load request with what lies beside the model there. Raises what the worker replies."""
        reply = await self._worker.request(Complete(request=request, whole=whole))
        if reply.completed is None:
            raise ModelNotFound(f"Model not found: {request.model_name}")
        return reply.completed

    async def inspect(self, kind: ModelType, name: str) -> Inspection:
        """What the worker knows about a file without loading it. Raises what the worker replies."""
        reply = await self._worker.request(Inspect(type=kind, name=name))
        if reply.inspection is None:
            raise NotFound(f"Model not found: {name}")
        return reply.inspection
