"""The worker's side of the cluster: says what it is and has, and keeps its posts at work."""

import asyncio
import logging
import platform
from collections.abc import Sequence
from typing import Protocol
from uuid import uuid4

from nats.aio.msg import Msg

from ... import __version__
from ...background import BackgroundTasks
from ...schemas.cluster import Announcement, InventoryReport, SlotState, WorkerEvent
from ...schemas.events import ModelLoaded, ModelLoadFailed, ModelLoadingProgress
from ...schemas.models import LoadedSlot, LoadRequest
from ..connection import BrokerConnection
from ..object_files import ObjectFiles, catalog_of
from ..subjects import as_token
from .consumer import JobConsumer
from .rpc import RpcServer

log = logging.getLogger(__name__)


class Slot(Protocol):
    """What this module needs of an engine slot."""

    @property
    def loaded(self) -> LoadRequest | None: ...
    @property
    def loading(self) -> LoadRequest | None: ...
    @property
    def problem(self) -> str | None: ...
    def view(self) -> LoadedSlot: ...


class Library(Protocol):
    """What this module needs to know about the models on this machine."""

    async def report_inventory(self) -> InventoryReport: ...


class Engines(Protocol):
    """What this module needs to know about the engine."""

    @property
    def revision(self) -> str | None: ...
    @property
    def devices(self) -> list[str]: ...


def worker_name(given: str | None) -> str:
    """The name of this worker: the host's, if none is given."""
    return given or as_token(platform.node())


class WorkerAgent:
    """One worker."""

    def __init__(
        self,
        name: str,
        connection: BrokerConnection,
        files: ObjectFiles,
        slots: Sequence[Slot],
        consumers: Sequence[JobConsumer],
        questions: RpcServer,
        library: Library,
        engines: Engines,
        announce_every: float,
    ) -> None:
        self._name = name
        self._boot = uuid4().hex
        self._connection = connection
        self._files = files
        self._slots = slots
        self._consumers = consumers
        self._questions = questions
        self._library = library
        self._engines = engines
        self._every = announce_every
        self._soon = asyncio.Event()
        self._catalog = InventoryReport(catalog=0, models=[])
        self._sent = -1
        # A server that begins, and a broker without its store, have no list of models.
        self._asked_for = False
        self._leaving = False
        self._background = BackgroundTasks()

    def changed(self) -> None:
        """Something of what is announced is no longer so."""
        self._soon.set()

    async def run(self) -> None:
        """Work until cancelled; then say goodbye."""
        self._connection.when_up(self.changed)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._questions.listen())
                tasks.create_task(self._connection.listen(self._connection.names.discover, self._called))
                tasks.create_task(self._announce_for_ever())
                tasks.create_task(self._watch_models())
                for consumer_of_slot in self._consumers:
                    tasks.create_task(consumer_of_slot.work())
        finally:
            self._leaving = True
            await self._announce()

    def tell(self, event: ModelLoadingProgress | ModelLoaded | ModelLoadFailed) -> None:
        """Clients of the server hear this too."""
        self._background.spawn(
            self._connection.publish(
                self._connection.names.worker_events, WorkerEvent(worker=self._name, event=event)
            )
        )
        self.changed()

    # ------------------------------------------------------------ what it says

    async def _announce_for_ever(self) -> None:
        for consumer_of_slot in self._consumers:
            await consumer_of_slot.at_work.wait()
        while True:
            self._soon.clear()
            await self._announce()
            try:
                async with asyncio.timeout(self._every):
                    await self._soon.wait()
            except TimeoutError:
                pass

    async def _announce(self) -> None:
        await self._connection.publish(
            self._connection.names.announcements,
            Announcement(
                name=self._name,
                boot=self._boot,
                version=__version__,
                engine=self._engines.revision,
                devices=self._engines.devices,
                slots=[self._state(number) for number in range(len(self._slots))],
                catalog=self._sent,
                leaving=self._leaving,
            ),
        )

    def _state(self, number: int) -> SlotState:
        slot = self._slots[number]
        return SlotState(
            view=slot.view(),
            holds=slot.loaded,
            loading=slot.loading,
            problem=slot.problem,
            attempt=self._consumers[number].attempt,
        )

    async def _watch_models(self) -> None:
        """Put the list of models into the store whenever it changed, and say so."""
        while True:
            now = await self._library.report_inventory()
            changed = now.models != self._catalog.models or self._sent < 0
            if changed or self._asked_for:
                self._asked_for = False
                self._catalog = now.model_copy(update={"catalog": self._sent + changed})
                await self._files.write(catalog_of(self._name), self._catalog)
                self._sent = self._catalog.catalog
                self.changed()
            await asyncio.sleep(self._every)

    async def _called(self, _message: Msg) -> None:
        """A server begins, or is back."""
        self._asked_for = True
        self.changed()
