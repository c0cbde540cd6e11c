"""Looking at jobs and cancelling them."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.openapi.models import Example

from ...errors import BadRequest
from ...jobs.queue.listing import JobFilters
from ...schemas.jobs import JobStatus, JobType, JobView, QueueView
from ...schemas.lineage import Lineage
from ...schemas.models import Done
from ...schemas.queue_state import QueueState
from ...schemas.timestamps import AskedMoment
from .. import examples
from ..app_state import State
from ..error_handlers import ERRORS
from ..waiting import LONGEST_WAIT, answer_at_end, describe_job

router = APIRouter(tags=["Queue"], responses=ERRORS)

PAGE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"examples": examples.QUEUE_PAGES}}}
}
LINEAGE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"example": examples.LINEAGE}}}
}
_STILL_RUNNING: dict[int | str, dict[str, Any]] = {
    202: {"model": JobView, "description": "The job has not ended yet"}
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
    cursor: Annotated[
        str | None,
        Query(
            pattern=r"^\d{1,18}$",
            description="`next_cursor` of the page before; fast wherever in a long queue that is",
        ),
    ] = None,
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
    if cursor is not None and (page is not None or offset is not None):
        raise BadRequest("cursor: it can't be sent together with page or offset", field="cursor")
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
        cursor=int(cursor) if cursor else None,
    )
    by_date = group_by == "date"
    return await state.responses.answer(
        lambda: (filters, by_date),
        lambda: state.queue.revision,
        lambda: state.queue.page_text(filters, by_date),
    )


@router.get("/queue/{job_id}", response_model=JobView)
async def job(job_id: str, state: State) -> Response:
    """One job: status, progress, outputs and the parameters that it runs with."""
    return await state.responses.answer(
        lambda: ("job", job_id), lambda: state.queue.revision, lambda: describe_job(state, job_id)
    )


@router.get("/queue/{job_id}/lineage", responses=LINEAGE)
async def lineage(job_id: str, state: State) -> Lineage:
    """The jobs from which a job branched (`from_job`), and those that branched from it."""
    return await state.queue.lineage(job_id)


@router.get("/queue/{job_id}/wait", response_model=JobView, responses=_STILL_RUNNING)
async def wait(
    job_id: str,
    request: Request,
    state: State,
    seconds: Annotated[
        float, Query(ge=0, le=LONGEST_WAIT, description="Until the job as it is then is answered")
    ] = 60.0,
) -> Response:
    """One job as soon as it has ended: 200. After so many seconds the job as it is: 202."""
    return await answer_at_end(state, request, job_id, seconds)


@router.post("/queue/pause")
async def pause_all(state: State) -> QueueState:
    """Let no job begin, and have those that run wait: they go on where they were after `POST /queue/resume`.

    The queue stays paused over restarts. What runs on a worker goes on to its end.
    """
    return await state.pausing.pause_all()


@router.post("/queue/drain")
async def drain(state: State) -> QueueState:
    """Let no job begin; those that run go on to their end. A restart, or `POST /queue/resume`, ends this."""
    return await state.pausing.drain()


@router.post("/queue/resume")
async def resume_all(state: State) -> QueueState:
    """Let jobs begin again after `pause` or `drain`. Jobs that were paused one by one wait on."""
    return await state.pausing.resume_all()


@router.post("/queue/{job_id}/pause")
async def pause(job_id: str, state: State) -> JobView:
    """Have a job wait, with `paused: true`, until it is resumed; it keeps its place.

    One that runs is broken off, and goes on where it was, with the same bytes in the end.
    """
    await state.pausing.pause(job_id)
    return await state.queue.get(job_id)


@router.post("/queue/{job_id}/resume")
async def resume(job_id: str, state: State) -> JobView:
    """Let a paused job go on."""
    await state.pausing.resume(job_id)
    return await state.queue.get(job_id)


@router.delete("/queue/{job_id}")
async def cancel(job_id: str, state: State) -> Done:
    """Cancel a job that waits or runs."""
    await state.queue.cancel(job_id)
    state.runners.stop(job_id)
    return Done(message="Job cancelled")
