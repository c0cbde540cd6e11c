"""The agent of a worker: announces what the worker is and holds, and keeps its consumers running."""

import asyncio
import logging
import platform
from collections.abc import Sequence
from uuid import uuid4

from nats.aio.msg import Msg

from ... import __version__
from ...models.library import ModelLibrary
from ...schemas.cluster import Announcement, InventoryReport, SlotState
from ...slots.engine_slot import EngineSlot
from ..connection import BrokerConnection
from ..object_files import ObjectFiles, inventory_of
from ..subjects import as_token
from .attempt_runner import AttemptRunner
from .consumer import JobConsumer
from .engines import Engines
from .rpc import RpcServer

log = logging.getLogger(__name__)


def worker_name(configured: str | None) -> str:
    """The name of this worker: the host's, if none is configured."""
    return configured or as_token(platform.node())


class WorkerAgent:
    """Runs the cluster's side of a worker; the engines run by themselves."""

    def __init__(
        self,
        *,
        name: str,
        connection: BrokerConnection,
        files: ObjectFiles,
        slots: Sequence[EngineSlot],
        runners: Sequence[AttemptRunner],
        consumers: Sequence[JobConsumer],
        rpc: RpcServer,
        library: ModelLibrary,
        engines: Engines,
        announcement_due: asyncio.Event,
        announce_every: float,
    ) -> None:
        """`announce_every`: seconds between two announcements, unless `announcement_due` is set before."""
        self._name = name
        self._boot_id = uuid4().hex
        self._connection = connection
        self._files = files
        self._slots = slots
        self._runners = runners
        self._consumers = consumers
        self._rpc = rpc
        self._library = library
        self._engines = engines
        self._announcement_due = announcement_due
        self._announce_every = announce_every
        self._inventory = InventoryReport(catalog=0, models=[])
        self._inventory_revision = -1
        # A server that starts, and a broker without its store, have no inventory of this worker.
        self._inventory_requested = False
        self._leaving = False

    async def run(self) -> None:
        """Work until cancelled; then announce that the worker leaves."""
        self._on_connected()
        self._connection.add_connected_callback(self._on_connected)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._rpc.start())
                tasks.create_task(
                    self._connection.subscribe(self._connection.subjects.discover, self._on_discover)
                )
                tasks.create_task(self._announce_repeatedly())
                tasks.create_task(self._report_inventory())
                for consumer in self._consumers:
                    tasks.create_task(consumer.run())
        finally:
            self._leaving = True
            await self._announce()

    def _on_connected(self) -> None:
        log.info("worker %s reached the broker, with %s", self._name, ", ".join(self._engines.devices))
        self._announcement_due.set()

    async def _on_discover(self, _message: Msg) -> None:
        self._inventory_requested = True
        self._announcement_due.set()

    # ------------------------------------------------------------ announcements

    async def _announce_repeatedly(self) -> None:
        for consumer in self._consumers:
            await consumer.wait_ready()
        while True:
            self._announcement_due.clear()
            await self._announce()
            try:
                async with asyncio.timeout(self._announce_every):
                    await self._announcement_due.wait()
            except TimeoutError:
                pass

    async def _announce(self) -> None:
        announcement = Announcement(
            name=self._name,
            boot=self._boot_id,
            version=__version__,
            engine=self._engines.revision,
            devices=self._engines.devices,
            slots=[_state(slot, runner) for slot, runner in zip(self._slots, self._runners, strict=True)],
            catalog=self._inventory_revision,
            leaving=self._leaving,
        )
        await self._connection.publish(self._connection.subjects.announcements, announcement)

    async def _report_inventory(self) -> None:
        """Store the inventory whenever it changed or is requested, and announce its revision."""
        while True:
            report = await self._library.report_inventory()
            changed = report.models != self._inventory.models or self._inventory_revision < 0
            if changed or self._inventory_requested:
                self._inventory_requested = False
                revision = self._inventory_revision + changed
                self._inventory = report.model_copy(update={"catalog": revision})
                await self._files.write(inventory_of(self._name), self._inventory)
                self._inventory_revision = revision
                self._announcement_due.set()
            await asyncio.sleep(self._announce_every)


def _state(slot: EngineSlot, runner: AttemptRunner) -> SlotState:
    return SlotState(
        view=slot.view(),
        holds=slot.loaded,
        residents=[*slot.residents],
        loading=slot.loading,
        problem=slot.problem,
        attempt=runner.current,
    )
