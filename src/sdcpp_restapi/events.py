"""The event bus: one publisher side, any number of clients that can't slow it or each other."""

import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

from .client_outbox import ClientOutbox
from .requester import seen_user
from .schemas.base import Frozen
from .schemas.events import (
    DownloadProgress,
    Event,
    EventData,
    EventsLost,
    JobPreview,
    JobProgress,
    JobState,
    ModelLoadingProgress,
    Pong,
    ServerStatus,
)

# Events that a client which comes back can be told: those of some hundred jobs, about 2 MB.
MOST_KEPT = 2000
# Of these only the newest matters, or they answer one client: they have no id and are not kept.
_PASSING = (
    JobProgress,
    JobPreview,
    DownloadProgress,
    ModelLoadingProgress,
    ServerStatus,
    JobState,
    EventsLost,
    Pong,
)
# No number is longer.
_LONGEST_ID = 40


@dataclass(frozen=True)
class EventFilter:
    """Which events a client is to hear."""

    kinds: frozenset[type[Frozen]] | None = None  # None = all
    job_id: str | None = None
    previews: bool = True
    sees: str | None = None  # the user whose jobs alone it hears of; None = of all

    @property
    def wants_previews(self) -> bool:
        """Whether a preview of some job gets through."""
        return self.previews and (self.kinds is None or JobPreview in self.kinds)

    def accepts(self, data: EventData, user: str | None = "") -> bool:
        """Whether it hears this one: about a job of this user, or with counts of what this user sees."""
        if isinstance(data, ServerStatus) and self.sees != user:
            return False
        if self.sees not in (None, user) and hasattr(data, "job_id"):
            return False
        if isinstance(data, JobPreview) and not self.previews:
            return False
        if self.job_id is not None and getattr(data, "job_id", None) != self.job_id:
            return False
        return self.kinds is None or type(data) in self.kinds


EVERYTHING = EventFilter()


class EventMessage:
    """An event on its way to clients: encoded once, and not before the first of them gets it."""

    def __init__(self, data: EventData, event_id: str | None = None, user: str | None = "") -> None:
        """`event_id` names it for clients that come back. `user`: whose job it is about."""
        self.data = data
        self.user = user
        self.id = event_id
        self._moment = datetime.now(UTC)

    @cached_property
    def text(self) -> str:
        """The JSON text of the event."""
        return Event.of(self.data, self._moment).model_dump_json()


class PreviewDemand:
    """Whether anybody looks at previews: whoever computes them is told when that changes."""

    def __init__(self) -> None:
        self.wanted = False
        self._followers: list[Callable[[], None]] = []

    def update(self, wanted: bool) -> None:
        """Somebody looks at them now, or nobody."""
        if wanted == self.wanted:
            return
        self.wanted = wanted
        for follower in self._followers:
            follower()

    def follow(self, changed: Callable[[], None]) -> None:
        """Have `changed` called from now on."""
        self._followers.append(changed)

    def unfollow(self, changed: Callable[[], None]) -> None:
        """Have it called no more."""
        if changed in self._followers:
            self._followers.remove(changed)


class EventBus:
    """Publishes to all clients; each event is encoded once, whatever their number."""

    def __init__(self) -> None:
        self._clients: dict[ClientOutbox[EventMessage], EventFilter] = {}
        self.preview_demand = PreviewDemand()
        self._viewers = 0
        self._listeners: list[Callable[[EventData], None]] = []
        # Ids are "<run>-<number>": those of an earlier run of the server are not taken for ours.
        self._run = secrets.token_hex(4)
        self._newest = 0
        self._kept: deque[EventMessage] = deque(maxlen=MOST_KEPT)

    def publish(self, data: EventData, user: str | None = "") -> None:
        """Tell everybody, and of a job whoever may see those of this user. Counts are for whoever sees this
        user's jobs alone, None = all.

        Never waits, never fails because of a client.
        """
        for listener in self._listeners:
            listener(data)
        if isinstance(data, _PASSING):
            if not self._clients:
                return
            message = EventMessage(data, user=user)
        else:
            self._newest += 1
            message = EventMessage(data, self._id_of(self._newest), user)
            self._kept.append(message)
        for outbox, wanted in self._clients.items():
            if wanted.accepts(data, user):
                outbox.put(data, message)

    def list_viewers(self) -> set[str | None]:
        """Whose jobs the clients see that listen: a user each, None = those of all."""
        return {wanted.sees for wanted in self._clients.values()}

    def add_listener(self, listener: Callable[[EventData], None]) -> None:
        """Call a part of the server with every event from now on; it must neither wait nor raise."""
        self._listeners.append(listener)

    def subscribe(
        self, wanted: EventFilter = EVERYTHING, last_id: str | None = None
    ) -> ClientOutbox[EventMessage]:
        """A new outbox that hears everything wanted that the request may see, from now on.

        `last_id`: the last event that the client has heard. Those after it come first, or EventsLost where
        they are not kept any more.
        """
        wanted = replace(wanted, sees=seen_user())
        outbox = ClientOutbox[EventMessage]()
        if last_id is not None:
            self._send_again(outbox, wanted, last_id)
        self._clients[outbox] = wanted
        if wanted.wants_previews:
            self.add_viewer()
        return outbox

    @property
    def client_count(self) -> int:
        """How many outboxes hear events."""
        return len(self._clients)

    def unsubscribe(self, outbox: ClientOutbox[EventMessage]) -> None:
        """Forget an outbox."""
        wanted = self._clients.pop(outbox, None)
        if wanted is not None and wanted.wants_previews:
            self.remove_viewer()

    def add_viewer(self) -> None:
        """Somebody looks at previews from now on."""
        self._viewers += 1
        self.preview_demand.update(True)

    def remove_viewer(self) -> None:
        """Somebody does no longer."""
        self._viewers -= 1
        self.preview_demand.update(self._viewers > 0)

    def _send_again(self, outbox: ClientOutbox[EventMessage], wanted: EventFilter, last_id: str) -> None:
        missed = self._count_missed(last_id)
        if missed is None:
            lost = EventsLost(last_event_id=last_id[:_LONGEST_ID])
            outbox.put(lost, EventMessage(lost, self._id_of(self._newest)))
            return
        for message in list(self._kept)[len(self._kept) - missed :]:
            if wanted.accepts(message.data, message.user):
                outbox.put(message.data, message)

    def _count_missed(self, last_id: str) -> int | None:
        """How many events came after this one; None where it is unknown, or not all of them are kept."""
        run, _, number = last_id.rpartition("-")
        if run != self._run or not (number.isascii() and number.isdecimal()) or len(last_id) > _LONGEST_ID:
            return None
        missed = self._newest - int(number)
        return missed if 0 <= missed <= len(self._kept) else None

    def _id_of(self, number: int) -> str:
        return f"{self._run}-{number}"
