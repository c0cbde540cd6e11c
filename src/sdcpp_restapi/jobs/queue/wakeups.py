"""Telling runners that there may be work: each has a bell of its own.

With one bell for all, a runner whose slot can't run the new job would silence it for one that can.
"""

import asyncio
from collections import defaultdict

from ...schemas.jobs import Lane


class Bells:
    """The bells of all runners, by lane."""

    def __init__(self) -> None:
        self._of: defaultdict[Lane, set[asyncio.Event]] = defaultdict(set)

    def hang(self, lane: Lane) -> asyncio.Event:
        """A new bell; it has rung, since jobs may be waiting already."""
        bell = asyncio.Event()
        bell.set()
        self._of[lane].add(bell)
        return bell

    def take_down(self, lane: Lane, bell: asyncio.Event) -> None:
        """Its runner has ended."""
        self._of[lane].discard(bell)

    def ring(self, *lanes: Lane) -> None:
        """There may be work in these lanes, or in all."""
        for lane in lanes or list(self._of):
            for bell in self._of[lane]:
                bell.set()
