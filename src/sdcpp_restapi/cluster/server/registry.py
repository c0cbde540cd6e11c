"""Who works for a server: workers come, are lost or refused, have models and slots, and go."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from ...background import BackgroundTasks
from ...config import Cluster
from ...errors import Interrupted, WorkerLost
from ...events import EventBus
from ...jobs.queue.slot_runners import SlotRunners
from ...models.model_inventory import ModelInventory
from ...schemas.cluster import PROTOCOL, Announcement, Attempt, InventoryReport, Refusal
from ...schemas.events import WorkerJoined, WorkerLeft
from ...schemas.jobs import Job
from ...schemas.workers import WorkerView
from ..connection import AWAY
from ..object_files import BadFile, catalog_of
from .remote_slot import RemoteSlot, RemoteSlotContext
from .remote_worker import RemoteWorker

log = logging.getLogger(__name__)


class WorkerRegistry:
    """All workers of a server, present or lost."""

    def __init__(
        self,
        context: RemoteSlotContext,
        runners: SlotRunners,
        bus: EventBus,
        engine_revision: Callable[[], str | None],
        left_files: Callable[[], None],
        settings: Cluster,
    ) -> None:
        """`engine_revision`: of this server's own engine, None when it has none.

        `left_files` is called when files of a worker may lie in the store that are nobody's.
        """
        self._context = context
        self._runners = runners
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
        self._background = BackgroundTasks()

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
            self._context.channels.expect(Attempt.of(job))
        for name, resumed in running.items():
            worker = self._worker(name)
            worker.mark_present()  # it gets `lost_after` to show that it is still there
            self._add_slots(worker, max(resumed) + 1, resumed)

    async def announced(self, announcement: Announcement) -> None:
        """A worker says that it is there, or that it leaves."""
        worker = self._worker(announcement.name)
        before = worker.last_announcement
        if before is not None and before.boot != announcement.boot:
            worker.inventory = ModelInventory()  # its catalogs are counted from the beginning again
            self._left_files()  # of the last attempt of the one before, of which nobody may have heard
            if worker.present:
                self._mark_lost(worker, f"Worker {worker.name} was started anew")
        worker.record_announcement(announcement)
        worker.refused = self._reason_to_refuse(announcement)
        if worker.refused:
            await self._refuse(worker)
        elif announcement.leaving:
            if worker.present:
                self._mark_lost(worker, f"Worker {worker.name} left", leaving=True)
        else:
            self._welcome(worker)

    def expire_silent(self) -> None:
        """Notice who has gone silent, by this machine's clock alone."""
        for worker in list(self._workers.values()):
            silent = worker.silent_for()
            if worker.present and silent > self._lost_after:
                self._mark_lost(worker, f"Worker {worker.name} gave no sign of life for {silent:.0f} s")
            elif not worker.present and silent > self._forget_after:
                self._forget(worker)

    # ------------------------------------------------------------ what that means

    def _welcome(self, worker: RemoteWorker) -> None:
        last_announcement = worker.last_announcement
        assert last_announcement is not None
        if not worker.present or worker.name not in self._slots:
            log.info(
                "worker %s is there: %s", worker.name, ", ".join(last_announcement.devices) or "no device"
            )
            worker.mark_present()
            self.revision += 1
            self._bus.publish(WorkerJoined(name=worker.name, devices=list(last_announcement.devices)))
        self._add_slots(worker, len(last_announcement.slots))
        if last_announcement.catalog != worker.inventory.revision:
            self._background.spawn(self._fetch_inventory(worker, last_announcement.catalog))
        else:
            self._open(worker)
        self._straighten(worker)

    def _open(self, worker: RemoteWorker) -> None:
        """Its slots take jobs, once it is known which models it has."""
        count = len(worker.last_announcement.slots) if worker.last_announcement else 0
        for slot in self._slots.get(worker.name, [])[:count]:
            if worker.usable and slot.number not in self._withdrawing[worker.name]:
                slot.ready.set()

    def _straighten(self, worker: RemoteWorker) -> None:
        """Tell it to leave what nobody waits for, and to begin with what it was given."""
        assert worker.last_announcement is not None
        slots = self._slots[worker.name]
        for slot, state in zip(slots, worker.last_announcement.slots, strict=False):
            self._background.spawn(slot.remind(state.attempt))
            stopped = slot.stopping and slot.current == state.attempt
            if state.attempt is not None and (stopped or not self._context.channels.expects(state.attempt)):
                self._background.spawn(worker.stop(state.attempt))
        for slot in slots[len(worker.last_announcement.slots) :]:  # it was started anew, with fewer devices
            self._requeue_jobs(slot, WorkerLost(f"{slot.name} is no more"))

    def _reason_to_refuse(self, last_announcement: Announcement) -> str | None:
        if last_announcement.protocol != PROTOCOL:
            return (
                f"Worker {last_announcement.name} ({last_announcement.version}) speaks version {last_announcement.protocol} of the messages,"
                f" this server version {PROTOCOL}: install the same release on both"
            )
        wanted = self._engine_revision() or self._first_revision(last_announcement.name)
        if last_announcement.engine is not None and wanted is not None and last_announcement.engine != wanted:
            return (
                f"Worker {last_announcement.name} has revision {last_announcement.engine} of the engine, the others have {wanted}:"
                " the same job would not draw the same picture"
            )
        return None

    def _first_revision(self, but: str) -> str | None:
        others = (
            w.last_announcement.engine
            for w in self._workers.values()
            if w.usable and w.last_announcement and w.name != but
        )
        return next((engine for engine in others if engine), None)

    async def _refuse(self, worker: RemoteWorker) -> None:
        assert worker.refused is not None
        if worker.present:
            self._mark_lost(worker, worker.refused)
        await worker.tell(Refusal(why=worker.refused))

    def _mark_lost(self, worker: RemoteWorker, why: str, leaving: bool = False) -> None:
        log.warning("%s", why)
        worker.mark_lost()
        self.revision += 1
        for slot in self._slots.get(worker.name, ()):
            # Leaving is no fault of its jobs, even if this is heard before it gives them back.
            self._requeue_jobs(slot, Interrupted(why) if leaving else WorkerLost(why))
            self._withdrawing[worker.name].add(slot.number)
            self._background.spawn(self._withdraw(slot))
        self._left_files()
        self._runners.wake()
        self._bus.publish(WorkerLeft(name=worker.name, reason=why))

    async def _withdraw(self, slot: RemoteSlot) -> None:
        """Take back what the worker has not fetched."""
        names, name = self._context.connection.names, slot.worker.name
        try:
            with suppress(*AWAY):
                await self._context.connection.js.purge_stream(
                    names.jobs_stream, subject=names.job(name, slot.number)
                )
        finally:
            self._withdrawing[name].discard(slot.number)

    def _requeue_jobs(self, slot: RemoteSlot, error: Interrupted) -> None:
        """Nobody is there who could end what it runs."""
        slot.ready.clear()
        if slot.current is not None:
            self._context.channels.put(slot.current, error)

    def _forget(self, worker: RemoteWorker) -> None:
        del self._workers[worker.name]
        for slot in self._slots.pop(worker.name, ()):
            self._runners.remove_slot(slot)

    async def _fetch_inventory(self, worker: RemoteWorker, revision: int) -> None:
        try:
            report_inventory = await self._context.files.read(catalog_of(worker.name), InventoryReport)
        except BadFile:
            return  # asked for again with the next sign of life
        worker.inventory = ModelInventory(report_inventory)
        self.revision += 1
        self._open(worker)
        for slot in self._slots.get(worker.name, ()):
            self._runners.retry_loads(slot)

    # ------------------------------------------------------------ inside

    def _worker(self, name: str) -> RemoteWorker:
        if name not in self._workers:
            self._workers[name] = RemoteWorker(name, self._context.connection)
        return self._workers[name]

    def _add_slots(self, worker: RemoteWorker, count: int, resumed: Mapping[int, Job] | None = None) -> None:
        slots = self._slots.setdefault(worker.name, [])
        while len(slots) < count:
            slot = RemoteSlot(worker, len(slots), self._context)
            slots.append(slot)
            self._runners.add_slot(slot, slot, (resumed or {}).get(slot.number))
