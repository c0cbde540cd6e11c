"""Server-sent events: the events of the bus as one long answer (HTML standard, 9.2)."""

import asyncio
import logging
from collections.abc import AsyncGenerator

from fastapi.sse import EventSourceResponse, format_sse_event
from starlette.types import Receive, Scope, Send

from ..client_outbox import ClientOutbox
from ..events import EventBus, EventMessage
from ..schemas.events import EVENT_NAMES, EventData, JobDeleted, JobState, JobStatusChanged
from ..schemas.jobs import FINAL
from .shutdown import OpenAnswers

log = logging.getLogger(__name__)

# Seconds without an event after which a comment shows proxies and the client that the connection lives.
HEARTBEAT_SECONDS = 15.0
_HEARTBEAT = b": heartbeat\n\n"
# Milliseconds that a browser waits before it connects again.
RETRY = 2000
# The id of the last event of a job: who comes back with it has heard everything.
END = "end"
# The last one is for nginx, which would gather the events before it passes them on.
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class EventStream(EventSourceResponse):
    """What an outbox of the bus gets, until the client goes, reads too slowly, or the server ends."""

    def __init__(
        self, bus: EventBus, outbox: ClientOutbox[EventMessage], open_answers: OpenAnswers, until_end: bool
    ) -> None:
        """`until_end`: the events are those of one job, and end with it."""
        super().__init__(_encode(outbox, until_end), headers=_HEADERS)
        self._bus = bus
        self._outbox = outbox
        self._open_answers = open_answers

    def close(self) -> None:
        """Send none of them."""
        self._outbox.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            with self._open_answers.ended_by(self._outbox.close):
                await super().__call__(scope, receive, send)
        finally:
            self._bus.unsubscribe(self._outbox)


async def _encode(outbox: ClientOutbox[EventMessage], until_end: bool) -> AsyncGenerator[bytes]:
    yield format_sse_event(retry=RETRY)
    try:
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    message = await outbox.get()
            except TimeoutError:
                yield _HEARTBEAT
                continue
            last = until_end and _ends_job(message.data)
            yield format_sse_event(
                event=EVENT_NAMES[type(message.data)], data_str=message.text, id=END if last else message.id
            )
            if last:
                return
    except ConnectionError as error:
        log.info("a client of /events was let go: %s", error)


def _ends_job(data: EventData) -> bool:
    return isinstance(data, JobDeleted) or (
        isinstance(data, JobStatusChanged | JobState) and data.status in FINAL
    )
