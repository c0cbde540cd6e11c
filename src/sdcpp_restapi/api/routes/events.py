"""Everything that happens, as server-sent events."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi.openapi.models import Example

from ...errors import BadRequest
from ...events import EventFilter, EventMessage
from ...requester import seen_user
from ...schemas.base import Frozen
from ...schemas.events import (
    EVENT_NAMES,
    JobDeleted,
    JobState,
    JobStatusChanged,
    Pong,
    ServerStatus,
)
from ..app_state import AppState, State
from ..error_handlers import ERRORS
from ..event_stream import END, EventStream
from ..websocket import read_server_status

router = APIRouter(tags=["Events"], responses=ERRORS)

_KINDS = {name: kind for kind, name in EVENT_NAMES.items() if kind is not Pong}
# Without them the events of a job would have no end.
_OF_EVERY_JOB: frozenset[type[Frozen]] = frozenset({JobState, JobStatusChanged, JobDeleted})
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events until the client closes the connection, or until the end of the job",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": "retry: 2000\n\nevent: job_status_changed\n"
                'data: {"event":"job_status_changed","timestamp":"2024-01-01T12:00:25.456Z",'
                '"data":{"job_id":"550e8400-e29b-41d4-a716-446655440000","status":"processing",'
                '"previous_status":"pending","outputs":[]}}\nid: 5f3a9c1e-42\n\n: heartbeat\n\n',
            }
        },
    },
    204: {"description": "With job_id: the client has heard the end of the job, and is not to come back"},
}
_NAMES: dict[str, Example] = {
    "ends": {"summary": "Only changes of state", "value": "job_status_changed"},
    "some": {"summary": "Several kinds", "value": "job_added,job_status_changed,job_deleted"},
}


async def _open_stream(
    state: State,
    job_id: Annotated[str | None, Query(description="Only those of this job, up to its end")] = None,
    events: Annotated[
        str | None,
        Query(description="Names of events, separated by commas; default: all", openapi_examples=_NAMES),
    ] = None,
    previews: Annotated[bool, Query(description="Whether job_preview, the largest, is among them")] = True,
    last_event_id: Annotated[
        str | None,
        Header(
            alias="Last-Event-ID",
            description="Id of the last event that was heard: those after it come first",
        ),
    ] = None,
) -> EventStream | None:
    """None for a client that has heard the end of its job. Raises BadRequest, JobNotFound."""
    if job_id is not None and last_event_id == END:
        return None
    wanted = EventFilter(_kinds_of(events, job_id is not None), job_id, previews)
    outbox = state.bus.subscribe(wanted, last_event_id or None)
    try:
        first = await _read_first(state, job_id)
    except BaseException:
        state.bus.unsubscribe(outbox)
        raise
    if wanted.accepts(first, user=None):
        outbox.put(first, EventMessage(first))
    return EventStream(state.bus, outbox, state.open_answers, until_end=job_id is not None)


OpenedStream = Annotated[EventStream | None, Depends(_open_stream)]


@router.get("/events", response_class=Response, responses=_STREAM)
async def events(stream: OpenedStream) -> Response:
    """The events of the WebSocket as server-sent events, for EventSource, curl and every HTTP client.

    The first event is `server_status`, that of the events of a job `job_state`.
    """
    return stream or Response(status_code=204)


@router.head("/events", include_in_schema=False)
async def describe_events(stream: OpenedStream) -> Response:
    """As GET, whose stream may have no end."""
    if stream is not None:
        stream.close()
    return stream or Response(status_code=204)


async def _read_first(state: AppState, job_id: str | None) -> ServerStatus | JobState:
    if job_id is None:
        return await read_server_status(state, seen_user())
    return JobState.model_validate(dict(await state.queue.get(job_id)))


def _kinds_of(names: str | None, of_job: bool) -> frozenset[type[Frozen]] | None:
    """The kinds of events that are named. Raises BadRequest."""
    if names is None:
        return None
    named = [name.strip() for name in names.split(",")]
    for name in named:
        if name not in _KINDS:
            raise BadRequest(
                f"events: {name[:60]!r} is not allowed: it must be one of {', '.join(_KINDS)}", field="events"
            )
    kinds = frozenset(_KINDS[name] for name in named)
    return kinds | _OF_EVERY_JOB if of_job else kinds
