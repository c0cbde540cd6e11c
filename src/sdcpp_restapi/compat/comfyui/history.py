"""What became of prompts, and which of them wait."""

from typing import Any

from ...api.app_state import AppState
from ...errors import JobNotFound
from ...jobs.queue.listing import JobFilters
from ...schemas.jobs import FINAL, KINDS, JobStatus, JobView
from .messages import describe_end
from .outputs import list_outputs
from .prompts import Prompts, Submitted


async def describe_history(state: AppState, prompts: Prompts, prompt_id: str | None = None) -> dict[str, Any]:
    """Of all prompts that have ended, or of one. Those whose job was deleted are forgotten."""
    known = [prompt for prompt in prompts if prompt_id in (None, prompt.prompt_id)]
    history = {}
    for prompt in known:
        job = await _find_ended(state, prompts, prompt)
        if job is not None:
            history[prompt.prompt_id] = _describe(prompt, job)
    return history


async def describe_queue(state: AppState, prompts: Prompts) -> dict[str, list[Any]]:
    """All jobs for the engine that run or wait. Those of others have an empty graph."""
    # In this order a job that begins meanwhile is found twice; in the other, clients would miss it.
    waiting = await _list_jobs(state, JobStatus.PENDING)
    running = await _list_jobs(state, JobStatus.PROCESSING)
    begun = {job.job_id for job in running}
    return {
        "queue_running": [_describe_job(prompts, job) for job in running],
        "queue_pending": [_describe_job(prompts, job) for job in waiting if job.job_id not in begun],
    }


async def count_remaining(state: AppState) -> int:
    """How many jobs run or wait."""
    counts = await state.queue.counts()
    return counts["pending_count"] + counts["processing_count"]


async def _find_ended(state: AppState, prompts: Prompts, prompt: Submitted) -> JobView | None:
    if prompt.ended is None:
        try:
            job = await state.queue.get(prompt.job_id)
        except JobNotFound:
            prompts.forget(prompt.prompt_id)
            return None
        prompt.ended = job if job.status in FINAL else None
    return prompt.ended


def _describe(prompt: Submitted, job: JobView) -> dict[str, Any]:
    done = job.status is JobStatus.COMPLETED
    messages = [] if done else [describe_end(prompt, job)]
    return {
        "prompt": prompt.describe(),
        "outputs": list_outputs(prompt, job.outputs) if job.outputs else {},
        "status": {"status_str": "success" if done else "error", "completed": done, "messages": messages},
        "meta": {
            node_id: {
                "node_id": node_id,
                "display_node": node_id,
                "parent_node": None,
                "real_node_id": node_id,
            }
            for node_id in prompt.ends
        },
    }


async def _list_jobs(state: AppState, status: JobStatus) -> list[JobView]:
    filters = JobFilters(status=status, ascending=True, limit=state.settings.limits.queue_page)
    page = await state.queue.page(filters)
    return [job for job in page.items if KINDS[job.type].lane == "engine"]


def _describe_job(prompts: Prompts, job: JobView) -> list[Any]:
    prompt = prompts.of_job(job.job_id)
    return prompt.describe() if prompt else [0, job.job_id, {}, {}, []]
