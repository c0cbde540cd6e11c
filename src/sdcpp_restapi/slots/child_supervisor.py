"""Keeps the engine child of a slot alive: spawns it, watches its calls, has it replaced when it is gone."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from contextvars import Context
from dataclasses import dataclass
from time import monotonic

from ..background import BackgroundTasks
from ..config import Engine
from ..engine.client import EngineChild
from ..engine.watchdog import choose_memory_bound, watch_for_hang, watch_memory
from ..errors import EngineLost, EngineUnusable
from ..events import PreviewDemand
from ..schemas.engine import Command, Report, WantPreviews
from .device import Device

log = logging.getLogger(__name__)

# Seconds after which an engine that could not be started is tried again by a slot that has others beside it.
NEXT_CHANCE = 30.0


@dataclass
class ProcessCounts:
    """Of the engine processes of a slot since the server's start."""

    starts: int = 0
    """Those that came up."""
    losses: int = 0
    """Those that ended on their own, or were ended because they hung."""


class ChildSupervisor:
    """One child at a time; `problem` says why there is none."""

    def __init__(
        self,
        *,
        settings: Engine,
        device: Device,
        preview_demand: PreviewDemand,
        forget: Callable[[], None],
        replace: Callable[[EngineChild], Awaitable[None]],
        counts: ProcessCounts,
        memory_of_others: Callable[[], int] = lambda: 0,
    ) -> None:
        """`forget` is called before a fresh child, which holds nothing; `replace` when a child is gone.

        `memory_of_others`: bytes of other children, which count for its bound too.
        """
        self._settings = settings
        self._device = device
        self._preview_demand = preview_demand
        self._background = BackgroundTasks()
        preview_demand.follow(self._on_preview_demand)
        self._forget = forget
        self._replace = replace
        self._memory_of_others = memory_of_others
        self._closing = False
        self._watch: asyncio.Task[None] | None = None
        self._next_chance = 0.0
        self.child: EngineChild | None = None
        self.problem: str | None = None
        self._counts = counts

    @property
    def is_alive(self) -> bool:
        """Whether there is a child, as far as is known."""
        return self.child is not None and not self.child.gone.is_set()

    async def ensure(self) -> EngineChild:
        """The child, a fresh one if need be. Raises EngineLost and EngineUnusable, after a pause."""
        if self.child is not None and not self.child.gone.is_set():
            return self.child
        self._forget()
        try:
            self.child = await self._spawn()
        except (EngineLost, EngineUnusable) as error:
            self.problem = str(error)
            self._next_chance = monotonic() + NEXT_CHANCE
            log.error("%s", error)
            await asyncio.sleep(self._settings.restart_delay)
            raise
        self.problem = None
        self._counts.starts += 1
        self._watch = asyncio.create_task(self._watch_until_gone(self.child), context=Context())
        self._on_preview_demand()
        return self.child

    async def try_again(self) -> bool:
        """Whether the engine runs; one that could not be started gets another chance now and then."""
        if self.problem is not None and monotonic() >= self._next_chance:
            with suppress(EngineLost, EngineUnusable):
                await self.ensure()
        return self.problem is None

    async def call(self, command: Command, call_id: int) -> AsyncGenerator[Report]:
        """What the child reports of a command. Raises EngineLost when it dies or hangs."""
        child = await self.ensure()
        most = choose_memory_bound(self._settings.max_memory_mb)
        watches = (
            asyncio.create_task(watch_for_hang(child, self._settings.hang_after)),
            asyncio.create_task(watch_memory(child, most, self._memory_of_others)),
        )
        try:
            async with aclosing(child.call(command, call_id)) as reports:
                async for report in reports:
                    yield report
        finally:
            for watch in watches:
                watch.cancel()

    async def close(self) -> None:
        """End the child, and with it what it is doing."""
        self._closing = True
        self._preview_demand.unfollow(self._on_preview_demand)
        if self._watch is not None:
            self._watch.cancel()
        if self.child is not None:
            await self.child.close()

    def _on_preview_demand(self) -> None:
        if self.child is not None:
            self._background.spawn(self._tell_preview_demand(self.child))

    async def _tell_preview_demand(self, child: EngineChild) -> None:
        with suppress(EngineLost):  # a fresh child will be told
            await child.send(WantPreviews(wanted=self._preview_demand.wanted))

    async def _spawn(self) -> EngineChild:
        try:
            child = await EngineChild.start(self._settings)
        except OSError as error:  # too many processes or open files, no memory
            raise EngineUnusable(f"The engine's process could not be started: {error}") from error
        if self._device.is_missing_among(child.hello.devices):
            await child.close()
            known = ", ".join(line.partition("\t")[0] for line in child.hello.devices)
            raise EngineUnusable(
                f"engine.devices: the engine knows no device {self._device.name!r}; it knows {known}"
            )
        return child

    async def _watch_until_gone(self, child: EngineChild) -> None:
        await child.gone.wait()
        if not self._closing:
            self._counts.losses += 1
            await self._replace(child)
