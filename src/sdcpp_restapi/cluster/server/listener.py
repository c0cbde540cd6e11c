"""The server's ears: what workers say goes to the roster, what becomes of jobs to who waits for it."""

import asyncio
import logging
from contextlib import aclosing, suppress

from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig
from pydantic import ValidationError

from ...background import BackgroundTasks
from ...events import EventBus
from ...schemas.base import Frozen
from ...schemas.cluster import Announcement, AttemptProgress, AttemptResult, Discover, WorkerEvent
from ..connection import AWAY, BrokerConnection
from ..subjects import TOKEN
from .attempt_channels import AttemptChannels, FinishedAttempt
from .registry import WorkerRegistry
from .sweeper import Sweeper

log = logging.getLogger(__name__)

ENDS_CONSUMER = "server"
# A server that was killed before it had stored an end gets it again after so long.
ENDS_ACK_WAIT = 5.0


class WorkerListener:
    """Listens to all workers of a server."""

    def __init__(
        self,
        connection: BrokerConnection,
        channels: AttemptChannels,
        registry: WorkerRegistry,
        sweeper: Sweeper,
        bus: EventBus,
        check_every: float,
    ) -> None:
        """`check_every`: seconds between two looks at who has gone silent."""
        self.registry = registry
        self._connection = connection
        self._channels = channels
        self._sweeper = sweeper
        self._bus = bus
        self._check_every = check_every
        self._background = BackgroundTasks()

    async def run(self) -> None:
        """Work until cancelled."""
        self._connection.when_up(lambda: self._background.spawn(self._discover()))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._receive_ends())
            tasks.create_task(self._expire_silent())
            tasks.create_task(self._sweeper.run())

    async def _listen(self) -> None:
        names = self._connection.names
        await self._connection.listen(names.announcements, self._announced)
        await self._connection.listen(names.live, self._heard)
        await self._connection.listen(names.worker_events, self._forward)
        await self._discover()

    async def _discover(self) -> None:
        await self._connection.publish(self._connection.names.discover, Discover())

    async def _receive_ends(self) -> None:
        """Ends wait in their stream until the job has been stored as ended."""
        names = self._connection.names
        consumer = ConsumerConfig(
            durable_name=ENDS_CONSUMER,
            filter_subject=names.all_ends,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ENDS_ACK_WAIT,
        )
        async with aclosing(self._connection.pull(names.ends_stream, consumer)) as messages:
            async for message in messages:
                with suppress(*AWAY):
                    await self._ended(message)

    async def _expire_silent(self) -> None:
        while True:
            await asyncio.sleep(self._check_every)
            self.registry.expire_silent()

    # ------------------------------------------------------------ what workers say

    async def _announced(self, message: Msg) -> None:
        announcement = _read(Announcement, message)
        if announcement is not None and TOKEN.fullmatch(announcement.name):
            await self.registry.announced(announcement)

    async def _heard(self, message: Msg) -> None:
        live = _read(AttemptProgress, message)
        if live is not None:
            self._channels.put(live.attempt, live.word)

    async def _forward(self, message: Msg) -> None:
        worker_events = _read(WorkerEvent, message)
        if worker_events is not None:
            self._bus.publish(worker_events.event)

    async def _ended(self, message: Msg) -> None:
        end = _read(AttemptResult, message)
        if end is not None and self._channels.put(end.attempt, FinishedAttempt(end, message.ack)):
            return
        if end is not None and end.files:
            log.info("attempt %s: its end (%s) came too late", end.attempt, end.how)
            self._sweeper.call()
        await message.ack()


def _read[M: Frozen](kind: type[M], message: Msg) -> M | None:
    try:
        return kind.model_validate_json(message.data)
    except ValidationError as error:
        log.warning("a message on %s was not understood: %s", message.subject, error.errors()[0]["msg"])
        return None
