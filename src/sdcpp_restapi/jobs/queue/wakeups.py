"""Telling runners that there may be work: each subscribes with an event of its own.

With one event for all, a runner whose slot can't run the new job would clear it for one that can.
"""

import asyncio
from collections import defaultdict

from ...schemas.jobs import Lane


class Wakeups:
    """The events of all runners, by lane."""

    def __init__(self) -> None:
        self._events: defaultdict[Lane, set[asyncio.Event]] = defaultdict(set)

    def subscribe(self, lane: Lane) -> asyncio.Event:
        """A new event; it is set, since jobs may be waiting already."""
        event = asyncio.Event()
        event.set()
        self._events[lane].add(event)
        return event

    def unsubscribe(self, lane: Lane, event: asyncio.Event) -> None:
        """Its runner has ended."""
        self._events[lane].discard(event)

    def notify(self, *lanes: Lane) -> None:
        """There may be work in these lanes, or in all."""
        for lane in lanes or list(self._events):
            for event in self._events[lane]:
                event.set()
