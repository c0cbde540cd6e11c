"""Looking at jobs and cancelling them."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from ...jobs.queue.listing import JobFilters
from ...schemas.jobs import JobStatus, JobType, JobView, QueueView
from ...schemas.models import Done
from ..app_state import State
from ..error_handlers import ERRORS
from ..response_cache import json_response

router = APIRouter(tags=["Queue"], responses=ERRORS)


@router.get("/queue", response_model=QueueView)
async def queue(
    state: State,
    status: JobStatus | None = None,
    type: JobType | None = None,
    search: Annotated[str | None, Query(max_length=1000)] = None,
    model: Annotated[str | None, Query(description="Jobs of this model, by its name")] = None,
    trash: Annotated[bool, Query(description="The deleted jobs that can be restored instead")] = False,
    order: Annotated[str, Query(pattern="^(asc|desc)$")] = "desc",
    limit: Annotated[int | None, Query(ge=1)] = None,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> Response:
    """All jobs, newest first, with the counts of the whole queue.

    Without `limit` as many as the setting `limits.queue_page` allows. With `trash=true` the jobs in the
    trash: `matching_count` tells how many there are, and the other counts stay those of the queue.
    """
    most = state.settings.limits.queue_page
    filters = JobFilters(
        status=status,
        type=type,
        search=search,
        model=model,
        trash=trash,
        ascending=order == "asc",
        limit=min(limit or most, most),
        offset=offset,
    )
    return await state.responses.answer(
        filters, lambda: state.queue.revision, lambda: state.queue.page(filters)
    )


@router.get("/queue/{job_id}", response_model=JobView)
async def job(job_id: str, state: State) -> Response:
    """One job: status, progress, outputs and the parameters that it runs with."""
    view = await state.queue.get(job_id)
    inputs = await state.inputs.describe(job_id)
    return json_response(view.model_copy(update={"inputs": inputs or None}).model_dump_json())


@router.delete("/queue/{job_id}")
async def cancel(job_id: str, state: State) -> Done:
    """Cancel a job that waits or runs."""
    await state.queue.cancel(job_id)
    state.runners.stop(job_id)
    return Done(message="Job cancelled")
