"""Registers workers by their announcements, refuses those that do not fit, and notices when one is lost."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress

from ...background import BackgroundTasks
from ...config import Cluster
from ...errors import Interrupted, WorkerLost
from ...events import EventBus
from ...jobs.queue.slot_runners import SlotRunners
from ...models.model_inventory import ModelInventory
from ...schemas.cluster import PROTOCOL, Announcement, Attempt, InventoryReport
from ...schemas.events import WorkerJoined, WorkerLeft
from ...schemas.jobs import Job
from ...schemas.workers import WorkerView
from ..broker_errors import BROKER_ERRORS
from ..object_files import BadFile, inventory_of
from .known_workers import KnownWorkers
from .remote_slot import RemoteSlot, RemoteSlotContext
from .remote_worker import RemoteWorker

log = logging.getLogger(__name__)


class WorkerRegistry:
    """All workers of a server and their slots."""

    def __init__(
        self,
        *,
        workers: KnownWorkers,
        context: RemoteSlotContext,
        runners: SlotRunners,
        bus: EventBus,
        settings: Cluster,
    ) -> None:
        self._workers = workers
        self._context = context
        self._runners = runners
        self._bus = bus
        self._lost_after = settings.lost_after
        self._forget_after = settings.forget_after
        self._slots: dict[str, list[RemoteSlot]] = {}
        # Slots whose assignments are being purged: a new one would be purged too.
        self._purging: defaultdict[str, set[int]] = defaultdict(set)
        self._background = BackgroundTasks()
        context.preview_demand.follow(self._on_preview_demand)

    def views(self) -> list[WorkerView]:
        """The body of GET /workers."""
        return [worker.view() for worker in self._workers.sorted()]

    # ------------------------------------------------------------ what happens

    def resume(self, jobs: Iterable[tuple[Job, str]]) -> None:
        """Go on with jobs that these slots run since an earlier run of this server; call once, first."""
        running: defaultdict[str, dict[int, Job]] = defaultdict(dict)
        for job, slot in jobs:
            name, _, number = slot.rpartition("/")
            running[name][int(number)] = job
            self._context.channels.open(Attempt.of(job))
        for name, resumed in running.items():
            worker = self._get_or_add(name)
            worker.mark_present()  # it gets `lost_after` to announce itself
            self._add_slots(worker, max(resumed) + 1, resumed)

    async def handle_announcement(self, announcement: Announcement) -> None:
        """Register, refuse or let go the worker that announces itself."""
        worker = self._get_or_add(announcement.name)
        before = worker.last_announcement
        if before is not None and before.boot != announcement.boot:
            worker.inventory = ModelInventory()  # revisions of its inventory start again
            self._context.sweeper.request()  # the last attempt of the earlier process may have left files
            if worker.present:
                self._handle_loss(worker, f"Worker {worker.name} was started anew")
        worker.record_announcement(announcement)
        if before is not None and before.engine != announcement.engine:
            self._workers.mark_changed()
            self._runners.wake()  # jobs may have waited for this revision
        worker.refusal_reason = self._reason_to_refuse(announcement)
        if worker.refusal_reason:
            if worker.present:
                self._handle_loss(worker, worker.refusal_reason)
            await worker.send_refusal(worker.refusal_reason)
        elif announcement.leaving:
            if worker.present:
                self._handle_loss(worker, f"Worker {worker.name} left", leaving=True)
        else:
            self._register(worker, announcement)

    def expire_silent(self) -> None:
        """Treat workers as lost that gave no heartbeat for too long, by this machine's clock alone."""
        for worker in self._workers.sorted():
            silent = worker.silent_for()
            if worker.present and silent > self._lost_after:
                self._handle_loss(worker, f"Worker {worker.name} gave no sign of life for {silent:.0f} s")
            elif not worker.present and silent > self._forget_after:
                self._forget(worker)

    # ------------------------------------------------------------ announcements

    def _register(self, worker: RemoteWorker, announcement: Announcement) -> None:
        if not worker.present or worker.name not in self._slots:
            log.info("worker %s is there: %s", worker.name, ", ".join(announcement.devices) or "no device")
            worker.mark_present()
            self._workers.mark_changed()
            self._bus.publish(WorkerJoined(name=worker.name, devices=list(announcement.devices)))
        self._add_slots(worker, len(announcement.slots))
        if announcement.catalog != worker.inventory.revision:
            self._background.spawn(self._fetch_inventory(worker, announcement))
        else:
            self._enable_slots(worker, announcement)
        self._reconcile(worker, announcement)

    def _enable_slots(self, worker: RemoteWorker, announcement: Announcement) -> None:
        """Let its slots take jobs, once it is known which models it has."""
        for slot in self._slots.get(worker.name, [])[: len(announcement.slots)]:
            if worker.usable and slot.number not in self._purging[worker.name]:
                slot.ready.set()

    def _reconcile(self, worker: RemoteWorker, announcement: Announcement) -> None:
        """Stop attempts that the server does not wait for, and resend messages that may have got lost."""
        slots = self._slots[worker.name]
        if any(state.attempt for state in announcement.slots):
            self._tell_preview_demand(worker)
        for slot, state in zip(slots, announcement.slots, strict=False):
            self._background.spawn(slot.resend_assignment(state.attempt))
            if state.attempt is None:
                continue
            stopping = slot.stopping and slot.current == state.attempt
            if stopping or not self._context.channels.is_open(state.attempt):
                self._background.spawn(worker.stop_attempt(state.attempt))
        for slot in slots[len(announcement.slots) :]:  # it was started anew, with fewer devices
            self._interrupt(slot, WorkerLost(f"{slot.name} is no more"))

    def _on_preview_demand(self) -> None:
        for worker in self._workers.sorted():
            if worker.present:
                self._tell_preview_demand(worker)

    def _tell_preview_demand(self, worker: RemoteWorker) -> None:
        self._background.spawn(worker.want_previews(self._context.preview_demand.wanted))

    def _reason_to_refuse(self, announcement: Announcement) -> str | None:
        if announcement.protocol == PROTOCOL:
            return None
        return (
            f"Worker {announcement.name} ({announcement.version}) speaks version {announcement.protocol} of"
            f" the messages, this server version {PROTOCOL}: install the same release on both"
        )

    async def _fetch_inventory(self, worker: RemoteWorker, announcement: Announcement) -> None:
        try:
            report = await self._context.files.read(inventory_of(worker.name), InventoryReport)
        except BadFile:
            return  # fetched again after the next heartbeat
        worker.inventory = ModelInventory(report)
        self._workers.mark_changed()
        self._enable_slots(worker, worker.last_announcement or announcement)
        for slot in self._slots.get(worker.name, ()):
            self._runners.retry_loads(slot)

    # ------------------------------------------------------------ loss

    def _handle_loss(self, worker: RemoteWorker, reason: str, leaving: bool = False) -> None:
        log.warning("%s", reason)
        worker.mark_lost()
        self._workers.mark_changed()
        for slot in self._slots.get(worker.name, ()):
            # Leaving is no fault of its jobs, even if this arrives before their results.
            self._interrupt(slot, Interrupted(reason) if leaving else WorkerLost(reason))
            self._purging[worker.name].add(slot.number)
            self._background.spawn(self._purge_assignments(slot))
        self._context.sweeper.request()
        self._runners.wake()
        self._bus.publish(WorkerLeft(name=worker.name, reason=reason))

    async def _purge_assignments(self, slot: RemoteSlot) -> None:
        """Delete from the stream what the worker has not fetched."""
        connection, name = self._context.connection, slot.worker.name
        try:
            with suppress(*BROKER_ERRORS):
                await connection.js.purge_stream(
                    connection.subjects.jobs_stream, subject=connection.subjects.job(name, slot.number)
                )
        finally:
            self._purging[name].discard(slot.number)

    def _interrupt(self, slot: RemoteSlot, error: Interrupted) -> None:
        """Have the job that the slot runs requeued: its result can't come any more."""
        slot.ready.clear()
        if slot.current is not None:
            self._context.channels.deliver(slot.current, error)

    def _forget(self, worker: RemoteWorker) -> None:
        self._workers.remove(worker)
        for slot in self._slots.pop(worker.name, ()):
            self._runners.remove_slot(slot)

    # ------------------------------------------------------------ inside

    def _get_or_add(self, name: str) -> RemoteWorker:
        worker = self._workers.get(name)
        if worker is None:
            worker = RemoteWorker(name, self._context.connection)
            self._workers.add(worker)
        return worker

    def _add_slots(self, worker: RemoteWorker, count: int, resumed: Mapping[int, Job] | None = None) -> None:
        slots = self._slots.setdefault(worker.name, [])
        while len(slots) < count:
            slot = RemoteSlot(worker, len(slots), self._context)
            slots.append(slot)
            self._runners.add_slot(slot, slot, (resumed or {}).get(slot.number))
