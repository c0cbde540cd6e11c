"""The server's ears: what workers say goes to the roster, what becomes of jobs to who waits for it."""

import asyncio
import logging
from contextlib import aclosing, suppress

from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig
from pydantic import ValidationError

from ...background import Errands
from ...events import EventBus
from ...schemas.base import Frozen
from ...schemas.cluster import Announcement, End, Live, News, RollCall
from ..connection import AWAY, Link
from ..subjects import TOKEN
from .attempt_channels import Ended, Inbox
from .registry import Roster
from .sweeper import Sweeper

log = logging.getLogger(__name__)

ENDS_CONSUMER = "server"
# A server that was killed before it had stored an end gets it again after so long.
ENDS_ACK_WAIT = 5.0


class Head:
    """Listens to all workers of a server."""

    def __init__(
        self, link: Link, inbox: Inbox, roster: Roster, sweeper: Sweeper, bus: EventBus, look_every: float
    ) -> None:
        """`look_every`: seconds between two looks at who has gone silent."""
        self.roster = roster
        self._link = link
        self._inbox = inbox
        self._sweeper = sweeper
        self._bus = bus
        self._look_every = look_every
        self._errands = Errands()

    async def run(self) -> None:
        """Work until cancelled."""
        self._link.when_up(lambda: self._errands.do(self._call_the_roll()))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._receive_ends())
            tasks.create_task(self._look_after())
            tasks.create_task(self._sweeper.run())

    async def _listen(self) -> None:
        names = self._link.names
        await self._link.listen(names.announcements, self._announced)
        await self._link.listen(names.live, self._heard)
        await self._link.listen(names.news, self._news)
        await self._call_the_roll()

    async def _call_the_roll(self) -> None:
        await self._link.say(self._link.names.roll_call, RollCall())

    async def _receive_ends(self) -> None:
        """Ends wait in their stream until the job has been stored as ended."""
        names = self._link.names
        consumer = ConsumerConfig(
            durable_name=ENDS_CONSUMER,
            filter_subject=names.all_ends,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ENDS_ACK_WAIT,
        )
        async with aclosing(self._link.pull(names.ends_stream, consumer)) as messages:
            async for message in messages:
                with suppress(*AWAY):
                    await self._ended(message)

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(self._look_every)
            self.roster.look_after()

    # ------------------------------------------------------------ what workers say

    async def _announced(self, message: Msg) -> None:
        announcement = _read(Announcement, message)
        if announcement is not None and TOKEN.fullmatch(announcement.name):
            await self.roster.announced(announcement)

    async def _heard(self, message: Msg) -> None:
        live = _read(Live, message)
        if live is not None:
            self._inbox.put(live.attempt, live.word)

    async def _news(self, message: Msg) -> None:
        news = _read(News, message)
        if news is not None:
            self._bus.publish(news.event)

    async def _ended(self, message: Msg) -> None:
        end = _read(End, message)
        if end is not None and self._inbox.put(end.attempt, Ended(end, message.ack)):
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
