"""The connection to the broker: connects when it can, and reconnects whenever it was lost."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import Self

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.object_store import ObjectStore

from ..config import Cluster
from ..schemas.base import Frozen
from .broker_errors import BROKER_ERRORS, PERMANENT_ERRORS
from .credentials import options_of
from .streams import create_streams
from .subjects import Subjects

log = logging.getLogger(__name__)

RETRY_SECONDS = 1

# nats-py (2.16) cuts files of the object store into pieces of 128 kB.
LEAST_PAYLOAD = 160 * 1024

MessageHandler = Callable[[Msg], Awaitable[None]]


class BrokerConnection:
    """One connection, with the streams behind it."""

    def __init__(self, settings: Cluster, client_name: str) -> None:
        self.subjects = Subjects(settings.prefix)
        self._settings = settings
        self._credentials = options_of(settings)
        self._client_name = client_name
        self._client = Client()
        self._subscriptions: dict[str, MessageHandler] = {}
        self._js: JetStreamContext | None = None
        self._object_store: ObjectStore | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        # Set by nats-py's reconnections, and when it gave up.
        self._state_changed = asyncio.Event()
        self._connected_at: float | None = None
        # Counts connections: what was subscribed on an older one is lost.
        self.generation = 0
        self._connected_callbacks: list[Callable[[], None]] = []
        self._last_warning = ""

    @classmethod
    def open(cls, settings: Cluster, client_name: str) -> Self:
        """Begin to connect; `ready` waits for it. A broker that is away is waited for.

        Raises CredentialsUnusable.
        """
        connection = cls(settings, client_name)
        connection._connecting = asyncio.create_task(connection._stay_connected())
        return connection

    async def close(self) -> None:
        """Send what is buffered, then disconnect."""
        if self._connecting is not None:
            self._connecting.cancel()
            with suppress(asyncio.CancelledError):
                await self._connecting
        with suppress(*BROKER_ERRORS):
            if self._client.is_connected:
                await asyncio.wait_for(self._client.flush(), 2.0)
        # While the broker is away, nats-py (2.16) sends what waits over a closed connection: TypeError, and
        # uvloop's RuntimeError.
        with suppress(*BROKER_ERRORS, TypeError, RuntimeError):
            await self._client.close()

    async def ready(self) -> None:
        """Wait until the streams exist."""
        await self._ready.wait()

    @property
    def uptime(self) -> float:
        """Seconds since the broker was reached, 0 while it is away."""
        return monotonic() - self._connected_at if self._connected_at is not None else 0.0

    @property
    def max_payload(self) -> int:
        """Bytes that a message may have, as the broker says."""
        return self._client.max_payload

    def add_connected_callback(self, callback: Callable[[], None]) -> None:
        """Call `callback` after every (re)connection from now on."""
        self._connected_callbacks.append(callback)

    # ------------------------------------------------------------ messages that may get lost

    async def publish(self, subject: str, message: Frozen) -> None:
        """Send to whoever is subscribed now; dropped while the broker is away."""
        if self._client.is_connected:
            with suppress(*BROKER_ERRORS):
                await self._client.publish(subject, message.model_dump_json().encode())

    async def subscribe(self, subject: str, handler: MessageHandler) -> None:
        """Call `handler` with every message of a subject, one after the other, also after reconnections.

        A subject that has a handler keeps it: whoever subscribes may be started again after a failure.
        """
        await self.ready()
        if subject in self._subscriptions:
            return
        self._subscriptions[subject] = handler
        with suppress(*BROKER_ERRORS):  # the next connection begins with it
            await self._client.subscribe(subject, cb=handler)

    async def request(self, subject: str, message: Frozen, timeout: float) -> bytes:
        """Send a request to a subscriber and wait for its reply. Raises one of BROKER_ERRORS."""
        await self.ready()
        reply = await self._client.request(subject, message.model_dump_json().encode(), timeout)
        return reply.data

    # ------------------------------------------------------------ messages that stay

    @property
    def js(self) -> JetStreamContext:
        """JetStream, once it is ready."""
        assert self._js is not None
        return self._js

    async def publish_durable(self, subject: str, message: Frozen, message_id: str | None = None) -> None:
        """Store a message in the stream of its subject; retries until the broker has it.

        With a `message_id` the broker drops what it was given before under this id (for two minutes).
        """
        data = message.model_dump_json().encode()
        headers = {"Nats-Msg-Id": message_id} if message_id is not None else None
        await self.retry(lambda: self.js.publish(subject, data, headers=headers))

    async def retry[T](self, call: Callable[[], Awaitable[T]]) -> T:
        """Repeat a call until the broker answers it. Raises one of PERMANENT_ERRORS."""
        while True:
            await self.ready()
            try:
                return await call()
            except PERMANENT_ERRORS:
                raise
            except BROKER_ERRORS as error:
                self.warn_once(f"the broker did not answer ({type(error).__name__}: {error}); trying again")
                await asyncio.sleep(RETRY_SECONDS)

    async def acknowledge(self, message: Msg) -> None:
        """Tell the broker not to deliver a message again; retries until it knows.

        Not `message.ack()`: the connection that brought the message may be closed for good by now.
        """
        await self.retry(lambda: self._client.publish(message.reply, Msg.Ack.Ack))

    async def object_store(self) -> ObjectStore:
        """The bucket of files; bound anew after a reconnection."""
        await self.ready()
        if self._object_store is None:
            self._object_store = await self.js.object_store(self.subjects.bucket)
        return self._object_store

    def warn_once(self, text: str) -> None:
        """Log a warning, unless it was the last one too: a broker that is away says the same every second."""
        if text != self._last_warning:
            self._last_warning = text
            log.warning("%s", text)

    # ------------------------------------------------------------ connecting

    async def _stay_connected(self) -> None:
        while True:
            try:
                await self._connect()
                while not self._client.is_closed:
                    await self._create_streams()
                    self._mark_ready()
                    await self._state_changed.wait()  # again: a broker may have come back without its streams
                    self._state_changed.clear()
            except (*BROKER_ERRORS, OSError, ValueError) as error:
                self.warn_once(f"broker: {error}")
            # nats-py (2.16) gives up for good when the broker ends a connection with an error.
            self._ready.clear()
            await asyncio.sleep(RETRY_SECONDS)
            self._client = Client()

    async def _connect(self) -> None:
        await self._client.connect(
            servers=self._settings.urls,
            name=self._client_name,
            allow_reconnect=True,
            max_reconnect_attempts=-1,
            reconnect_time_wait=RETRY_SECONDS,
            connect_timeout=5,
            ping_interval=5,
            max_outstanding_pings=2,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
            closed_cb=self._on_closed,
            **self._credentials,  # type: ignore[arg-type]
        )
        self._js = self._client.jetstream(timeout=10)
        self._object_store = None
        for subject, handler in self._subscriptions.items():
            await self._client.subscribe(subject, cb=handler)

    async def _create_streams(self) -> None:
        while True:
            try:
                await create_streams(self.js, self.subjects, self._settings.replicas)
                return
            except BROKER_ERRORS as error:
                if self._client.is_closed:
                    raise
                self.warn_once(f"the streams could not be made ({error}); is JetStream on (nats-server -js)?")
                await asyncio.sleep(RETRY_SECONDS)

    def _mark_ready(self) -> None:
        if self.max_payload < LEAST_PAYLOAD:
            log.warning(
                "the broker takes messages of %d bytes at most (max_payload): files need %d",
                self.max_payload,
                LEAST_PAYLOAD,
            )
        self._connected_at = monotonic()
        self.generation += 1
        self._ready.set()
        for callback in self._connected_callbacks:
            callback()

    async def _on_error(self, error: Exception) -> None:
        self.warn_once(f"broker: {str(error) or type(error).__name__}")

    async def _on_disconnected(self) -> None:
        if self._connected_at is not None:
            log.warning("the broker is away")
        self._connected_at = None

    async def _on_reconnected(self) -> None:
        log.info("the broker is back")
        self._last_warning = ""
        self._state_changed.set()

    async def _on_closed(self) -> None:
        self._connected_at = None
        self._state_changed.set()
