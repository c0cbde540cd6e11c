"""The workers that a server has heard of; the registry changes it, the model library reads it."""

from .remote_worker import RemoteWorker


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

    def engine_revision(self, *, but: str) -> str | None:
        """The engine's revision that usable workers have, without the one named `but`."""
        others = (worker for worker in self._workers.values() if worker.usable and worker.name != but)
        return next((worker.engine_revision for worker in others if worker.engine_revision), None)
