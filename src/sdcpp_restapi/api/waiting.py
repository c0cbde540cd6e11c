"""Answers that wait for the end of a job."""

import asyncio
from contextlib import suppress
from typing import Annotated

from fastapi import Query, Request, Response

from ..schemas.jobs import FINAL, JobView
from .app_state import AppState
from .cancel_on_disconnect import cancel_on_disconnect
from .response_cache import json_response

# Seconds; proxies and clients give up at about this time.
LONGEST_WAIT = 600.0

Wait = Annotated[
    float | None,
    Query(
        ge=0,
        le=LONGEST_WAIT,
        description="Answer when the job has ended, but after so many seconds at the latest: 200 with the"
        " body of GET /queue/{job_id}, or 202 with the job as it is then",
        openapi_examples={"minute": {"summary": "Up to a minute", "value": 60}},
    ),
]


async def answer_at_end(state: AppState, request: Request, job_id: str, seconds: float) -> Response:
    """The job once it has ended, or after so many seconds, or when the server begins to end.

    Raises JobNotFound. The job goes on when the client goes away.
    """
    return await cancel_on_disconnect(request, _answer(state, job_id, seconds))


async def _answer(state: AppState, job_id: str, seconds: float) -> Response:
    loop = asyncio.get_running_loop()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds) as limit:
            with state.open_answers.ended_by(lambda: limit.reschedule(loop.time())):
                await state.watch.wait_for_end(job_id)
    view = await describe_job(state, job_id)
    return json_response(view.model_dump_json(), 200 if view.status in FINAL else 202)


async def describe_job(state: AppState, job_id: str) -> JobView:
    """A job with all that is told of one alone. Raises JobNotFound."""
    view = await state.queue.get(job_id)
    inputs, webhook = await asyncio.gather(state.inputs.describe(job_id), state.webhooks.describe(job_id))
    return view.model_copy(update={"inputs": inputs or None, "webhook": webhook})
