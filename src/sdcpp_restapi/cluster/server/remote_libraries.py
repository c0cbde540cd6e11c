"""The models of workers, as the rest of the server sees them."""

from collections.abc import Sequence
from typing import Protocol

from ...errors import ModelNotFound, NotFound
from ...models.model_inventory import ModelInventory
from ...schemas.cluster import Complete, Completed, Inspect
from ...schemas.inspection import Inspection
from ...schemas.model_types import ModelType
from ...schemas.models import LoadRequest
from .remote_worker import RemoteWorker


class Workers(Protocol):
    """Who is there."""

    @property
    def revision(self) -> int: ...
    def usable(self) -> list[RemoteWorker]: ...


class RemoteLibraries:
    """All machines but this one."""

    def __init__(self) -> None:
        self.workers: Workers | None = None

    @property
    def revision(self) -> int:
        """Rises whenever what they have changes."""
        return self.workers.revision if self.workers else 0

    def machines(self) -> Sequence["RemoteLibrary"]:
        """Those that may be given jobs."""
        return [RemoteLibrary(worker) for worker in self.workers.usable()] if self.workers else []


class RemoteLibrary:
    """One of them."""

    def __init__(self, worker: RemoteWorker) -> None:
        self._worker = worker
        self.name = worker.name

    @property
    def inventory(self) -> ModelInventory:
        """Its model files."""
        return self._worker.inventory

    async def complete(self, request: LoadRequest, whole: bool) -> Completed:
        """A load request with what lies beside the model there. Raises what the worker says."""
        answer = await self._worker.request(Complete(request=request, whole=whole))
        if answer.completed is None:
            raise ModelNotFound(f"Model not found: {request.model_name}")
        return answer.completed

    async def inspect(self, kind: ModelType, name: str) -> Inspection:
        """All that is known there about a file without loading it. Raises what the worker says."""
        answer = await self._worker.request(Inspect(type=kind, name=name))
        if answer.inspection is None:
            raise NotFound(f"Model not found: {name}")
        return answer.inspection
