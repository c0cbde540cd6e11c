"""The event bus: one publisher side, any number of clients that can't slow it or each other."""

from .client_outbox import ClientOutbox
from .schemas.events import Event, EventData


class EventBus:
    """Publishes to all clients; each event is encoded once, whatever their number."""

    def __init__(self) -> None:
        self._outboxes: set[ClientOutbox] = set()

    def publish(self, data: EventData) -> None:
        """Tell everybody. Never waits, never fails because of a client."""
        if not self._outboxes:
            return
        message = encode(data)
        for outbox in self._outboxes:
            outbox.put(data, message)

    def subscribe(self) -> ClientOutbox:
        """A new outbox that hears everything from now on."""
        outbox = ClientOutbox()
        self._outboxes.add(outbox)
        return outbox

    def unsubscribe(self, outbox: ClientOutbox) -> None:
        """Forget an outbox."""
        self._outboxes.discard(outbox)


def encode(data: EventData) -> str:
    """The JSON message of one event."""
    return Event.of(data).model_dump_json()
