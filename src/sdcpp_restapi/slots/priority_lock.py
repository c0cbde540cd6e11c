"""Whose turn it is with a slot: one at a time, a load before any waiting job."""

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

LOAD, JOB = 0, 1


class PriorityLock:
    """A lock with two ranks of waiters, first come first served within a rank."""

    def __init__(self) -> None:
        self._taken = False
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._tickets = count()

    @property
    def taken(self) -> bool:
        """Whether somebody has the slot now."""
        return self._taken

    @asynccontextmanager
    async def take(self, rank: int) -> AsyncIterator[None]:
        """Wait for the slot and keep it for the block."""
        await self._acquire(rank)
        try:
            yield
        finally:
            self._pass_on()

    async def _acquire(self, rank: int) -> None:
        if not self._taken:
            self._taken = True
            return
        mine = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._tickets), mine))
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            _, _, waiter = heapq.heappop(self._waiting)
            if not waiter.done():
                waiter.set_result(None)
                return
        self._taken = False
