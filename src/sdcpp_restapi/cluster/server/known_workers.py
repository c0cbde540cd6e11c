"""The workers that a server has heard of; the registry changes it, the model library reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .remote_worker import RemoteWorker  # imports NATS, which a server without a broker never does


class KnownWorkers:
    """Workers by name, present or lost."""

    def __init__(self) -> None:
        self._workers: dict[str, RemoteWorker] = {}
        # Rises whenever other models can be had from workers.
        self.revision = 0

    def get(self, name: str) -> RemoteWorker | None:
        """The worker of this name."""
        return self._workers.get(name)

    def add(self, worker: RemoteWorker) -> None:
        """Know a worker by its name from now on."""
        self._workers[worker.name] = worker

    def remove(self, worker: RemoteWorker) -> None:
        """Forget a worker that was lost long ago."""
        del self._workers[worker.name]

    def mark_changed(self) -> None:
        """The models of workers are others now, or a worker came or was lost."""
        self.revision += 1

    def sorted(self) -> list[RemoteWorker]:
        """All of them, by name."""
        return [self._workers[name] for name in sorted(self._workers)]

    def usable(self) -> list[RemoteWorker]:
        """Those that may be given jobs, by name."""
        return [worker for worker in self.sorted() if worker.usable]

    def engines(self) -> list[str]:
        """The revisions of the engine that usable workers have, each once, by name of the worker."""
        return list(dict.fromkeys(one.engine_revision for one in self.usable() if one.engine_revision))
