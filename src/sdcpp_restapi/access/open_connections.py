"""Connections that stay open, by what let them in: when that ends, they end too."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

# What let those in of whom no key was asked.
NO_KEY = ""


class OpenConnections:
    """WebSockets and streams of events, by the id of the key and of the session that they came with."""

    def __init__(self) -> None:
        self._ends: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def ended_with(self, *ids: str | None) -> Iterator[asyncio.Event]:
        """A connection is open in the block; the event is set once it must end."""
        end = asyncio.Event()
        held = [one if one is not None else NO_KEY for one in ids]
        for one in held:
            self._ends.setdefault(one, set()).add(end)
        try:
            yield end
        finally:
            for one in held:
                ends = self._ends[one]
                ends.discard(end)
                if not ends:
                    del self._ends[one]

    def end(self, *ids: str) -> None:
        """End those that came with one of these."""
        for one in ids:
            for end in self._ends.get(one, ()):
                end.set()
