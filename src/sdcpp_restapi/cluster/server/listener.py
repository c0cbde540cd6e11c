"""Receives messages of workers: announcements for the registry, reports of attempts for their channels."""

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
from ..broker_errors import BROKER_ERRORS
from ..connection import BrokerConnection
from ..durable_consumer import DurableConsumer
from ..subjects import TOKEN
from .attempt_channels import AttemptChannels, FinishedAttempt
from .registry import WorkerRegistry
from .sweeper import Sweeper

log = logging.getLogger(__name__)

RESULTS_CONSUMER = "server"
# A server that was killed before it had stored a result gets it again after so long.
RESULTS_ACK_WAIT = 5.0


class WorkerListener:
    """Listens to all workers of a server."""

    def __init__(
        self,
        *,
        connection: BrokerConnection,
        channels: AttemptChannels,
        registry: WorkerRegistry,
        sweeper: Sweeper,
        bus: EventBus,
        check_every: float,
    ) -> None:
        """`check_every`: seconds between two checks for workers without a heartbeat."""
        self.registry = registry
        self._connection = connection
        self._channels = channels
        self._sweeper = sweeper
        self._bus = bus
        self._check_every = check_every
        self._background = BackgroundTasks()
        connection.add_connected_callback(lambda: self._background.spawn(self._discover()))

    async def run(self) -> None:
        """Work until cancelled; may be called again after a failure."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._subscribe())
            tasks.create_task(self._receive_results())
            tasks.create_task(self._expire_silent())
            tasks.create_task(self._sweeper.run())

    async def _subscribe(self) -> None:
        subjects = self._connection.subjects
        await self._connection.subscribe(subjects.announcements, self._on_announcement)
        await self._connection.subscribe(subjects.attempt_progress, self._on_progress)
        await self._connection.subscribe(subjects.worker_events, self._on_worker_event)
        await self._discover()

    async def _discover(self) -> None:
        await self._connection.publish(self._connection.subjects.discover, Discover())

    async def _receive_results(self) -> None:
        """Results wait in their stream until the job has been stored as ended."""
        subjects = self._connection.subjects
        config = ConsumerConfig(
            durable_name=RESULTS_CONSUMER,
            filter_subject=subjects.all_results,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=RESULTS_ACK_WAIT,
        )
        consumer = DurableConsumer(self._connection, subjects.results_stream, config)
        async with aclosing(consumer.messages()) as messages:
            async for message in messages:
                with suppress(*BROKER_ERRORS):
                    await self._on_result(message)

    async def _expire_silent(self) -> None:
        while True:
            await asyncio.sleep(self._check_every)
            self.registry.expire_silent()

    # ------------------------------------------------------------ messages of workers

    async def _on_announcement(self, message: Msg) -> None:
        announcement = self._parse(Announcement, message)
        if announcement is not None and TOKEN.fullmatch(announcement.name):
            await self.registry.handle_announcement(announcement)

    async def _on_progress(self, message: Msg) -> None:
        progress = self._parse(AttemptProgress, message)
        if progress is not None:
            self._channels.deliver(progress.attempt, progress.report)

    async def _on_worker_event(self, message: Msg) -> None:
        worker_event = self._parse(WorkerEvent, message)
        if worker_event is not None:
            self._bus.publish(worker_event.event)

    async def _on_result(self, message: Msg) -> None:
        result = self._parse(AttemptResult, message)
        if result is not None:
            # Whoever gets it acknowledges it.
            if self._channels.deliver(result.attempt, FinishedAttempt(result, message.ack)):
                return
            if result.files:
                log.info("attempt %s: its files came too late", result.attempt)
                self._sweeper.request()
        await message.ack()

    def _parse[M: Frozen](self, kind: type[M], message: Msg) -> M | None:
        try:
            return kind.model_validate_json(message.data)
        except ValidationError as error:
            # Once: a worker of another release, still at its last job, may send many of them.
            reason = error.errors()[0]["msg"]
            self._connection.warn_once(f"a message on {message.subject} was not understood: {reason}")
            return None
