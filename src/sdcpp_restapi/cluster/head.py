"""The server's side of the cluster: who is there, what they say, and what that means for jobs."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import aclosing, suppress
from typing import Protocol

from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig
from pydantic import ValidationError

from ..config import Cluster
from ..errors import Interrupted, WorkerLost
from ..events import EventBus
from ..schemas.base import Frozen
from ..schemas.cluster import (
    PROTOCOL,
    Announcement,
    Attempt,
    End,
    Holdings,
    Live,
    News,
    Refusal,
    RollCall,
)
from ..schemas.events import WorkerJoined, WorkerLeft
from ..schemas.jobs import Job
from ..schemas.workers import WorkerView
from ..stock import Stock
from .files import BadFile, catalog_of
from .inbox import Ended, Inbox
from .link import AWAY, Link
from .names import TOKEN
from .remote_slot import Desk, RemoteSlot
from .remote_worker import RemoteWorker
from .sweeper import Sweeper

log = logging.getLogger(__name__)

ENDS_CONSUMER = "server"
# A server that was killed before it had stored an end gets it again after so long.
ENDS_ACK_WAIT = 5.0


class Crew(Protocol):
    """What takes the slots of workers into use."""

    def enlist(self, slot: RemoteSlot, resumed: Job | None) -> None:
        """Give jobs to this slot from now on; first it goes on with `resumed`."""
        ...

    def dismiss(self, slot: RemoteSlot) -> None:
        """Give it none any more."""
        ...

    def stock_changed(self, slot: RemoteSlot) -> None:
        """It may be able to run other jobs now."""
        ...


class Head:
    """All workers of a server."""

    def __init__(
        self,
        link: Link,
        inbox: Inbox,
        desk: Desk,
        crew: Crew,
        bus: EventBus,
        engine_revision: Callable[[], str | None],
        settings: Cluster,
    ) -> None:
        """`engine_revision`: that of this server's own engine, None when it has none."""
        self._link = link
        self._inbox = inbox
        self._desk = desk
        self._crew = crew
        self._bus = bus
        self._engine_revision = engine_revision
        self._lost_after = settings.lost_after
        self._forget_after = settings.forget_after
        # Rises whenever the models of workers change.
        self.revision = 0
        self.workers: dict[str, RemoteWorker] = {}
        self._slots: dict[str, list[RemoteSlot]] = {}
        # Slots whose orders are being taken back: a new one would go with them.
        self._withdrawing: defaultdict[str, set[int]] = defaultdict(set)
        self._sweeper = Sweeper(desk.files, inbox)
        self._tasks: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------ for routes

    def views(self) -> list[WorkerView]:
        """GET /workers."""
        return [self.workers[name].view() for name in sorted(self.workers)]

    def usable(self) -> list[RemoteWorker]:
        """Workers that may be given jobs, by name."""
        return [self.workers[name] for name in sorted(self.workers) if self.workers[name].usable]

    # ------------------------------------------------------------ life

    def resume(self, jobs: Iterable[tuple[Job, str]]) -> None:
        """Go on with jobs that these slots run since an earlier run of this server; call once, first."""
        running: defaultdict[str, dict[int, Job]] = defaultdict(dict)
        for job, slot in jobs:
            name, _, number = slot.rpartition("/")
            running[name][int(number)] = job
            self._inbox.expect(Attempt.of(job))
        for name, resumed in running.items():
            worker = self._worker(name)
            worker.came()  # it gets `lost_after` to show that it is still there
            self._enlist(worker, max(resumed) + 1, resumed)

    async def run(self) -> None:
        """Work until cancelled."""
        self._link.when_up(lambda: self._do(self._call_the_roll()))
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
        """Notice who has gone silent, by this machine's clock alone."""
        while True:
            await asyncio.sleep(min(self._lost_after / 5, 1.0))
            for worker in list(self.workers.values()):
                silent = worker.silent_for()
                if worker.present and silent > self._lost_after:
                    self._lose(worker, f"Worker {worker.name} gave no sign of life for {silent:.0f} s")
                elif not worker.present and silent > self._forget_after:
                    self._forget(worker)

    # ------------------------------------------------------------ what workers say

    async def _announced(self, message: Msg) -> None:
        announcement = _read(Announcement, message)
        if announcement is None or not TOKEN.fullmatch(announcement.name):
            return
        worker = self._worker(announcement.name)
        before = worker.said
        if before is not None and before.boot != announcement.boot:
            worker.stock = Stock()  # its catalogs are counted from the beginning again
            if worker.present:
                self._lose(worker, f"Worker {worker.name} was started anew")
        worker.hears(announcement)
        worker.refused = self._reason_to_refuse(announcement)
        if worker.refused:
            await self._refuse(worker)
        elif announcement.leaving:
            if worker.present:
                self._lose(worker, f"Worker {worker.name} left", leaving=True)
        else:
            self._welcome(worker)

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

    # ------------------------------------------------------------ what that means

    def _welcome(self, worker: RemoteWorker) -> None:
        said = worker.said
        assert said is not None
        if not worker.present or worker.name not in self._slots:
            log.info("worker %s is there: %s", worker.name, ", ".join(said.devices) or "no device")
            worker.came()
            self.revision += 1
            self._bus.publish(WorkerJoined(name=worker.name, devices=list(said.devices)))
        self._enlist(worker, len(said.slots))
        if said.catalog != worker.stock.revision:
            self._do(self._take_stock(worker, said.catalog))
        else:
            self._open(worker)
        self._straighten(worker)

    def _open(self, worker: RemoteWorker) -> None:
        """Its slots take jobs, once it is known which models it has."""
        count = len(worker.said.slots) if worker.said else 0
        for slot in self._slots.get(worker.name, [])[:count]:
            if worker.usable and slot.number not in self._withdrawing[worker.name]:
                slot.ready.set()

    def _straighten(self, worker: RemoteWorker) -> None:
        """Tell it to leave what nobody waits for, and to begin with what it was given."""
        assert worker.said is not None
        slots = self._slots[worker.name]
        for slot, state in zip(slots, worker.said.slots, strict=False):
            self._do(slot.remind(state.attempt))
            stopped = slot.stopping and slot.current == state.attempt
            if state.attempt is not None and (stopped or not self._inbox.expects(state.attempt)):
                self._do(worker.stop(state.attempt))
        for slot in slots[len(worker.said.slots) :]:  # it was started anew, with fewer devices
            self._strand(slot, WorkerLost(f"{slot.name} is no more"))

    def _reason_to_refuse(self, said: Announcement) -> str | None:
        if said.protocol != PROTOCOL:
            return (
                f"Worker {said.name} ({said.version}) speaks version {said.protocol} of the messages,"
                f" this server version {PROTOCOL}: install the same release on both"
            )
        wanted = self._engine_revision() or self._first_revision(said.name)
        if said.engine is not None and wanted is not None and said.engine != wanted:
            return (
                f"Worker {said.name} has revision {said.engine} of the engine, the others have {wanted}:"
                " the same job would not draw the same picture"
            )
        return None

    def _first_revision(self, but: str) -> str | None:
        others = (w.said.engine for w in self.workers.values() if w.usable and w.said and w.name != but)
        return next((engine for engine in others if engine), None)

    async def _refuse(self, worker: RemoteWorker) -> None:
        assert worker.refused is not None
        if worker.present:
            self._lose(worker, worker.refused)
        await worker.tell(Refusal(why=worker.refused))

    def _lose(self, worker: RemoteWorker, why: str, leaving: bool = False) -> None:
        log.warning("%s", why)
        worker.went()
        self.revision += 1
        for slot in self._slots.get(worker.name, ()):
            # Leaving is no fault of its jobs, even if this is heard before it gives them back.
            self._strand(slot, Interrupted(why) if leaving else WorkerLost(why))
            self._withdrawing[worker.name].add(slot.number)
            self._do(self._withdraw(slot))
        self._sweeper.call()
        self._bus.publish(WorkerLeft(name=worker.name, reason=why))

    async def _withdraw(self, slot: RemoteSlot) -> None:
        """Take back what the worker has not fetched."""
        names, name = self._link.names, slot.worker.name
        try:
            with suppress(*AWAY):
                await self._link.js.purge_stream(names.jobs_stream, subject=names.job(name, slot.number))
        finally:
            self._withdrawing[name].discard(slot.number)

    def _strand(self, slot: RemoteSlot, error: Interrupted) -> None:
        """Nobody is there who could end what it runs."""
        slot.ready.clear()
        if slot.current is not None:
            self._inbox.put(slot.current, error)

    def _forget(self, worker: RemoteWorker) -> None:
        del self.workers[worker.name]
        for slot in self._slots.pop(worker.name, ()):
            self._crew.dismiss(slot)

    async def _take_stock(self, worker: RemoteWorker, revision: int) -> None:
        try:
            holdings = await self._desk.files.read(catalog_of(worker.name), Holdings)
        except BadFile:
            return  # asked for again with the next sign of life
        worker.stock = Stock(holdings)
        self.revision += 1
        self._open(worker)
        for slot in self._slots.get(worker.name, ()):
            self._crew.stock_changed(slot)

    # ------------------------------------------------------------ inside

    def _worker(self, name: str) -> RemoteWorker:
        if name not in self.workers:
            self.workers[name] = RemoteWorker(name, self._link)
        return self.workers[name]

    def _enlist(self, worker: RemoteWorker, count: int, resumed: Mapping[int, Job] | None = None) -> None:
        slots = self._slots.setdefault(worker.name, [])
        while len(slots) < count:
            slot = RemoteSlot(worker, len(slots), self._desk)
            slots.append(slot)
            self._crew.enlist(slot, (resumed or {}).get(slot.number))

    def _do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _read[M: Frozen](kind: type[M], message: Msg) -> M | None:
    try:
        return kind.model_validate_json(message.data)
    except ValidationError as error:
        log.warning("a message on %s was not understood: %s", message.subject, error.errors()[0]["msg"])
        return None
