"""The event bus of a worker, whose WebSocket clients are those of the server."""

import asyncio

from ...background import BackgroundTasks
from ...events import EventBus
from ...schemas.cluster import WorkerEvent
from ...schemas.events import (
    EventData,
    ModelLoaded,
    ModelLoadFailed,
    ModelLoadingProgress,
    ModelLoadWaiting,
    ModelUnloaded,
)
from ..connection import BrokerConnection

_FORWARDED = ModelLoadWaiting | ModelLoadingProgress | ModelLoaded | ModelLoadFailed


class ForwardingEventBus(EventBus):
    """Publishes events about models to the server; events of jobs travel as AttemptProgress."""

    def __init__(self, worker: str, connection: BrokerConnection, announcement_due: asyncio.Event) -> None:
        """`announcement_due` is set after each event: it changes what a slot holds or loads."""
        super().__init__()
        self._worker = worker
        self._connection = connection
        self._announcement_due = announcement_due
        self._background = BackgroundTasks()

    def publish(self, data: EventData, user: str | None = "") -> None:
        """Returns before the event is sent; it is dropped while the broker is away."""
        if isinstance(data, _FORWARDED):
            event = WorkerEvent(worker=self._worker, event=data)
            self._background.spawn(self._connection.publish(self._connection.subjects.worker_events, event))
        if isinstance(data, _FORWARDED | ModelUnloaded):
            self._announcement_due.set()
