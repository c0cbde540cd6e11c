"""Telling runners that there may be work: each has a bell of its own.

With one bell for all, a runner whose slot can't run the new job would silence it for one that can.
"""

import asyncio
from collections import defaultdict

from ...schemas.jobs import Lane


class Wakeups:
    """The bells of all runners, by lane."""

    def __init__(self) -> None:
        self._of: defaultdict[Lane, set[asyncio.Event]] = defaultdict(set)

    def subscribe(self, lane: Lane) -> asyncio.Event:
        """A new bell; it has rung, since jobs may be waiting already."""
        wakeup = asyncio.Event()
        wakeup.set()
        self._of[lane].add(wakeup)
        return wakeup

    def unsubscribe(self, lane: Lane, wakeup: asyncio.Event) -> None:
        """Its runner has ended."""
        self._of[lane].discard(wakeup)

    def notify(self, *lanes: Lane) -> None:
        """There may be work in these lanes, or in all."""
        for lane in lanes or list(self._of):
            for wakeup in self._of[lane]:
                wakeup.set()
