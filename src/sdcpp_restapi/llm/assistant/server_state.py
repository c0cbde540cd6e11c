"""The server's state as the assistant's model gets it: short, and read anew for every turn."""

from typing import Any

from ...jobs.queue.listing import JobFilters
from ...jobs.queue.queue import Queue
from ...models.catalog import Catalog
from ...schemas.jobs import JobView
from ...slots.current_model import CurrentModel
from ...slots.current_upscaler import CurrentUpscaler

# How many of the newest jobs, and characters of the prompt of each.
MAX_JOBS = 5
MAX_PROMPT = 120


class ServerState:
    """Reads what the model needs to answer questions about the server and to propose actions."""

    def __init__(
        self, *, model: CurrentModel, upscaler: CurrentUpscaler, catalog: Catalog, queue: Queue
    ) -> None:
        self._model = model
        self._upscaler = upscaler
        self._catalog = catalog
        self._queue = queue

    async def read(self) -> dict[str, Any]:
        """Health, names of the models on disk by type, and the newest jobs, as JSON data."""
        health = self._model.health(self._upscaler.name)
        snapshot = await self._catalog.take_snapshot()
        page = await self._queue.page(JobFilters(limit=MAX_JOBS))
        return {
            "loaded_model": health.model_name or "none",
            "architecture": health.model_architecture,
            "loading": health.loading_model_name,
            "last_error": health.last_error,
            "upscaler": health.upscaler_name,
            "queue": {"waiting": page.pending_count, "running": page.processing_count},
            "newest_jobs": [_describe(job) for job in page.items],
            "available_models": {
                kind: [entry.name for entry in entries]
                for kind, entries in snapshot.entries.items()
                if entries
            },
        }


def _describe(job: JobView) -> dict[str, Any]:
    fields = {
        "job_id": job.job_id,
        "type": job.type,
        "status": job.status,
        "prompt": str(job.params.get("prompt", ""))[:MAX_PROMPT],
        "error": job.error,
    }
    return {name: value for name, value in fields.items() if value}
