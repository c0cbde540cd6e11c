"""The server's state as the assistant is told it: short, and fresh at every turn."""

from typing import Any

from ...api.app_state import AppState
from ...jobs.queue.listing import Filters
from ...schemas.jobs import JobView

JOBS = 5
LONGEST_PROMPT = 120


async def facts(state: AppState) -> dict[str, Any]:
    """Health, models on disk by type, and the newest jobs."""
    health = state.model.health(state.upscaler.name)
    inventory = await state.catalog.inventory()
    page = await state.queue.page(Filters(limit=JOBS))
    return {
        "loaded_model": health.model_name or "none",
        "architecture": health.model_architecture,
        "loading": health.loading_model_name,
        "last_error": health.last_error,
        "upscaler": health.upscaler_name,
        "queue": {"waiting": page.pending_count, "running": page.processing_count},
        "newest_jobs": [_job(job) for job in page.items],
        "available_models": {
            kind: [entry.name for entry in entries] for kind, entries in inventory.entries.items() if entries
        },
    }


def _job(job: JobView) -> dict[str, Any]:
    prompt = str(job.params.get("prompt", ""))[:LONGEST_PROMPT]
    shown = {
        "job_id": job.job_id,
        "type": job.type,
        "status": job.status,
        "prompt": prompt,
        "error": job.error,
    }
    return {name: value for name, value in shown.items() if value}
