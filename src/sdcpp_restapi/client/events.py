"""The server's events, as a client reads them off the WebSocket."""

import json
from typing import Any

from ..schemas.events import EVENT_NAMES, Event
from .address import Address
from .failures import ServerUnreachable

_SHAPES = {name: shape for shape, name in EVENT_NAMES.items()}


def parse_event(message: str | bytes) -> Event | None:
    """An event; None for one that only a later release knows. Raises ValueError for what is none."""
    envelope = json.loads(message)
    if not isinstance(envelope, dict) or not isinstance(envelope.get("event"), str):
        raise ValueError("the message is no event")
    shape = _SHAPES.get(envelope["event"])
    if shape is None:
        return None
    return Event.model_validate({**envelope, "data": shape.model_validate(envelope.get("data"))})


def connection_options(address: Address, previews: bool) -> dict[str, Any]:
    """The arguments of both of websockets' connect functions."""
    return {
        # The server computes previews only while somebody wants them.
        "uri": address.events_url if previews else f"{address.events_url}?previews=false",
        "additional_headers": address.headers,
        "compression": None,
        "max_size": None,
        "proxy": None if address.is_local else True,
        **({"ssl": address.tls} if address.tls else {}),
    }


def events_end(address: Address, reason: object) -> ServerUnreachable:
    """What to raise where there are no more events."""
    return ServerUnreachable(f"{address.url} sends no events ({reason})")
