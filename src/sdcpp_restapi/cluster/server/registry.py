"""Who works for a server: workers come, are lost or refused, have models and slots, and go."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Protocol

from ...background import Errands
from ...config import Cluster
from ...errors import Interrupted, WorkerLost
from ...events import EventBus
from ...models.model_inventory import Stock
from ...schemas.cluster import PROTOCOL, Announcement, Attempt, Holdings, Refusal
from ...schemas.events import WorkerJoined, WorkerLeft
from ...schemas.jobs import Job
from ...schemas.workers import WorkerView
from ..connection import AWAY
from ..object_files import BadFile, catalog_of
from .remote_slot import Desk, RemoteSlot
from .remote_worker import RemoteWorker

log = logging.getLogger(__name__)


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

    def lost(self) -> None:
        """Some are gone."""
        ...


class Roster:
    """All workers of a server, present or lost."""

    def __init__(
        self,
        desk: Desk,
        crew: Crew,
        bus: EventBus,
        engine_revision: Callable[[], str | None],
        left_files: Callable[[], None],
        settings: Cluster,
    ) -> None:
        """`engine_revision`: of this server's own engine, None when it has none.

        `left_files` is called when files of a worker may lie in the store that are nobody's.
        """
        self._desk = desk
        self._crew = crew
        self._bus = bus
        self._engine_revision = engine_revision
        self._left_files = left_files
        self._lost_after = settings.lost_after
        self._forget_after = settings.forget_after
        # Rises whenever the models of workers change.
        self.revision = 0
        self._workers: dict[str, RemoteWorker] = {}
        self._slots: dict[str, list[RemoteSlot]] = {}
        # Slots whose orders are being taken back: a new one would go with them.
        self._withdrawing: defaultdict[str, set[int]] = defaultdict(set)
        self._errands = Errands()

    def views(self) -> list[WorkerView]:
        """GET /workers."""
        return [self._workers[name].view() for name in sorted(self._workers)]

    def usable(self) -> list[RemoteWorker]:
        """Workers that may be given jobs, by name."""
        return [self._workers[name] for name in sorted(self._workers) if self._workers[name].usable]

    # ------------------------------------------------------------ what happens

    def resume(self, jobs: Iterable[tuple[Job, str]]) -> None:
        """Go on with jobs that these slots run since an earlier run of this server; call once, first."""
        running: defaultdict[str, dict[int, Job]] = defaultdict(dict)
        for job, slot in jobs:
            name, _, number = slot.rpartition("/")
            running[name][int(number)] = job
            self._desk.inbox.expect(Attempt.of(job))
        for name, resumed in running.items():
            worker = self._worker(name)
            worker.came()  # it gets `lost_after` to show that it is still there
            self._enlist(worker, max(resumed) + 1, resumed)

    async def announced(self, announcement: Announcement) -> None:
        """A worker says that it is there, or that it leaves."""
        worker = self._worker(announcement.name)
        before = worker.said
        if before is not None and before.boot != announcement.boot:
            worker.stock = Stock()  # its catalogs are counted from the beginning again
            self._left_files()  # of the last attempt of the one before, of which nobody may have heard
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

    def look_after(self) -> None:
        """Notice who has gone silent, by this machine's clock alone."""
        for worker in list(self._workers.values()):
            silent = worker.silent_for()
            if worker.present and silent > self._lost_after:
                self._lose(worker, f"Worker {worker.name} gave no sign of life for {silent:.0f} s")
            elif not worker.present and silent > self._forget_after:
                self._forget(worker)

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
            self._errands.do(self._take_stock(worker, said.catalog))
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
            self._errands.do(slot.remind(state.attempt))
            stopped = slot.stopping and slot.current == state.attempt
            if state.attempt is not None and (stopped or not self._desk.inbox.expects(state.attempt)):
                self._errands.do(worker.stop(state.attempt))
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
        others = (w.said.engine for w in self._workers.values() if w.usable and w.said and w.name != but)
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
            self._errands.do(self._withdraw(slot))
        self._left_files()
        self._crew.lost()
        self._bus.publish(WorkerLeft(name=worker.name, reason=why))

    async def _withdraw(self, slot: RemoteSlot) -> None:
        """Take back what the worker has not fetched."""
        names, name = self._desk.link.names, slot.worker.name
        try:
            with suppress(*AWAY):
                await self._desk.link.js.purge_stream(names.jobs_stream, subject=names.job(name, slot.number))
        finally:
            self._withdrawing[name].discard(slot.number)

    def _strand(self, slot: RemoteSlot, error: Interrupted) -> None:
        """Nobody is there who could end what it runs."""
        slot.ready.clear()
        if slot.current is not None:
            self._desk.inbox.put(slot.current, error)

    def _forget(self, worker: RemoteWorker) -> None:
        del self._workers[worker.name]
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
        if name not in self._workers:
            self._workers[name] = RemoteWorker(name, self._desk.link)
        return self._workers[name]

    def _enlist(self, worker: RemoteWorker, count: int, resumed: Mapping[int, Job] | None = None) -> None:
        slots = self._slots.setdefault(worker.name, [])
        while len(slots) < count:
            slot = RemoteSlot(worker, len(slots), self._desk)
            slots.append(slot)
            self._crew.enlist(slot, (resumed or {}).get(slot.number))
