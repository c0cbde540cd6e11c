"""Looking at jobs and cancelling them."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.openapi.models import Example

from ...errors import BadRequest
from ...jobs.queue.listing import JobFilters
from ...schemas.jobs import JobStatus, JobType, JobView, QueueView
from ...schemas.models import Done
from ...schemas.timestamps import AskedMoment
from .. import examples
from ..app_state import State
from ..error_handlers import ERRORS
from ..response_cache import json_response

router = APIRouter(tags=["Queue"], responses=ERRORS)

PAGE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"examples": examples.QUEUE_PAGES}}}
}
A_PERIOD: dict[str, Example] = {
    "date": {"summary": "The first moment of a day, in UTC", "value": "2024-01-31"},
    "moment": {"summary": "A moment", "value": "2024-01-31T12:00:00Z"},
    "seconds": {"summary": "Unix seconds", "value": "1706702400"},
}


@router.get("/queue", response_model=QueueView, responses=PAGE)
async def queue(
    state: State,
    status: JobStatus | None = None,
    type: JobType | None = None,
    search: Annotated[str | None, Query(max_length=1000)] = None,
    model: Annotated[str | None, Query(description="Jobs of this model, by its name")] = None,
    after: Annotated[
        AskedMoment | None,
        Query(description="Jobs that were created at this moment or later", openapi_examples=A_PERIOD),
    ] = None,
    before: Annotated[
        AskedMoment | None,
        Query(description="Jobs that were created earlier than this", openapi_examples=A_PERIOD),
    ] = None,
    trash: Annotated[bool, Query(description="The deleted jobs that can be restored instead")] = False,
    order: Annotated[str, Query(pattern="^(asc|desc)$")] = "desc",
    limit: Annotated[int | None, Query(ge=1)] = None,
    offset: Annotated[int | None, Query(ge=0, le=2**31)] = None,
    page: Annotated[int | None, Query(ge=1, le=2**31, description="1 = the first; instead of offset")] = None,
    group_by: Annotated[
        Literal["date"] | None, Query(description="Tell in `groups` which items are of which day")
    ] = None,
) -> Response:
    """All jobs, newest first, with the counts of the whole queue.

    Without `limit` as many as the setting `limits.queue_page` allows. With `trash=true` the jobs in the
    trash: `matching_count` tells how many there are, and the other counts stay those of the queue.
    """
    most = state.settings.limits.queue_page
    limit = min(limit or most, most)
    if page is not None and offset is not None:
        raise BadRequest("page: it can't be sent together with offset; one of them is enough", field="page")
    if after and before and after >= before:
        raise BadRequest("before: it must be later than after", field="before")
    filters = JobFilters(
        status=status,
        type=type,
        search=search,
        model=model,
        after=after,
        before=before,
        trash=trash,
        ascending=order == "asc",
        limit=limit,
        offset=(page - 1) * limit if page else offset or 0,
    )
    by_date = group_by == "date"
    return await state.responses.answer(
        (filters, by_date), lambda: state.queue.revision, lambda: state.queue.page(filters, by_date)
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
