"""The connection to the broker: comes up when it can, comes back whenever it was gone."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import Self

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError
from nats.errors import TimeoutError as NothingCame
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import (
    APIError,
    BadObjectMetaError,
    BadRequestError,
    DigestMismatchError,
    ObjectNotFoundError,
)
from nats.js.object_store import ObjectStore

from ..config import Cluster
from ..schemas.base import Frozen
from .credentials import options_of
from .subjects import Subjects

log = logging.getLogger(__name__)

# What is meant for a server or worker that never comes back goes away in the end.
KEPT_SECONDS = 7 * 86400.0
RETRY_AFTER = 1

# How long a pull waits for a message, and so how soon it notices that the broker has lost its consumers.
PULL_SECONDS = 2.0

# nats-py (2.16) cuts files of the object store into pieces of 128 kB.
LEAST_PAYLOAD = 160 * 1024

# What says that the broker is away, slow or starting; anything else is a bug, or a file that can't be read.
AWAY = (NatsError, APIError, ConnectionError, TimeoutError)
# No patience mends these.
HOPELESS = (ObjectNotFoundError, BadObjectMetaError, DigestMismatchError, MaxPayloadError)

Heard = Callable[[Msg], Awaitable[None]]


class BrokerConnection:
    """One connection, with the streams behind it."""

    def __init__(self, settings: Cluster, who: str) -> None:
        self.names = Subjects(settings.prefix)
        self._settings = settings
        self._credentials = options_of(settings)
        self._who = who
        self._client = Client()
        self._listening: list[tuple[str, Heard]] = []
        self._js: JetStreamContext | None = None
        self._store: ObjectStore | None = None
        self._opening: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._reached = asyncio.Event()
        self.up_since: float | None = None
        self._connections = 0
        self._on_up: list[Callable[[], None]] = []
        self._told = ""

    @classmethod
    def open(cls, settings: Cluster, who: str) -> Self:
        """Begin to connect; `ready` tells when it is done. A broker that is away is waited for.

        Raises CredentialsUnusable.
        """
        connection = cls(settings, who)
        connection._opening = asyncio.create_task(connection._open())
        return connection

    async def close(self) -> None:
        """Send what is waiting and hang up."""
        if self._opening is not None:
            self._opening.cancel()
            with suppress(asyncio.CancelledError):
                await self._opening
        with suppress(*AWAY):
            if self._client.is_connected:
                await asyncio.wait_for(self._client.flush(), 2.0)
        # TypeError: while the broker is away, nats-py (2.16) sends what waits over a closed connection.
        with suppress(*AWAY, TypeError):
            await self._client.close()

    async def ready(self) -> None:
        """Wait until the streams are there."""
        await self._ready.wait()

    @property
    def up_for(self) -> float:
        """Seconds since the broker was reached, 0 while it is away."""
        return monotonic() - self.up_since if self.up_since is not None else 0.0

    @property
    def max_payload(self) -> int:
        """Bytes that a message may have, as the broker says."""
        return self._client.max_payload

    def when_up(self, act: Callable[[], None]) -> None:
        """Call `act` whenever the broker was reached (again)."""
        self._on_up.append(act)

    # ------------------------------------------------------------ messages that may get lost

    async def publish(self, subject: str, message: Frozen) -> None:
        """Tell whoever listens now; lost while the broker is away."""
        if self._client.is_connected:
            with suppress(*AWAY):
                await self._client.publish(subject, message.model_dump_json().encode())

    async def listen(self, subject: str, heard: Heard) -> None:
        """Call `heard` with every message of a subject, one after the other, also after reconnections."""
        await self.ready()
        self._listening.append((subject, heard))
        with suppress(*AWAY):  # the next connection begins with it
            await self._client.subscribe(subject, cb=heard)

    async def request(self, subject: str, message: Frozen, timeout: float) -> bytes:
        """Ask one who listens, and wait for the answer. Raises one of AWAY."""
        await self.ready()
        answer = await self._client.request(subject, message.model_dump_json().encode(), timeout)
        return answer.data

    # ------------------------------------------------------------ messages that stay

    @property
    def js(self) -> JetStreamContext:
        """JetStream, once it is ready."""
        assert self._js is not None
        return self._js

    async def store(self, subject: str, message: Frozen, message_id: str) -> None:
        """Put a message into its stream; goes on trying until the broker has it, once."""
        data = message.model_dump_json().encode()
        await self.retry(lambda: self.js.publish(subject, data, headers={"Nats-Msg-Id": message_id}))

    async def retry[T](self, act: Callable[[], Awaitable[T]]) -> T:
        """Try until the broker does it. Raises one of HOPELESS."""
        while True:
            await self.ready()
            try:
                return await act()
            except HOPELESS:
                raise
            except AWAY as error:
                self._tell(f"the broker did not answer ({type(error).__name__}: {error}); trying again")
                await asyncio.sleep(RETRY_AFTER)

    async def pull(
        self, stream: str, consumer: ConsumerConfig, began: Callable[[], None] = lambda: None
    ) -> AsyncGenerator[Msg]:
        """The messages of a stream for a durable consumer, for ever; each waits to be acknowledged.

        `began` is called once the broker lets us fetch them.

        One at a time: nats-py asks for several with an expiry that the broker waits out when there are fewer
        (measured with 2.16: ends came up to 5 s late).
        """
        subscription: JetStreamContext.PullSubscription | None = None
        connection = 0
        while True:
            try:
                if subscription is None or connection != self._connections:
                    await self.ready()
                    connection = self._connections
                    # Every time: a broker that came back without its store would answer pulls with silence.
                    await self.js.add_consumer(stream, consumer)
                    if subscription is not None:
                        with suppress(*AWAY):
                            await subscription.unsubscribe()
                    subscription = await self.js.pull_subscribe_bind(
                        durable=consumer.durable_name, stream=stream
                    )
                    began()
                (message,) = await subscription.fetch(1, timeout=PULL_SECONDS)
            except NothingCame:
                continue
            except AWAY as error:
                self._tell(f"nothing can be fetched for {consumer.durable_name} ({error}); trying again")
                connection = 0
                await asyncio.sleep(RETRY_AFTER)
                continue
            yield message

    async def acknowledge(self, message: Msg) -> None:
        """The broker need not give it out again; goes on trying until it knows.

        Not `message.ack()`: the connection that brought the message may be closed for good by now.
        """
        await self.retry(lambda: self._client.publish(message.reply, Msg.Ack.Ack))

    async def files(self) -> ObjectStore:
        """The object store."""
        await self.ready()
        if self._store is None:
            self._store = await self.js.object_store(self.names.bucket)
        return self._store

    # ------------------------------------------------------------ inside

    async def _open(self) -> None:
        while True:
            try:
                await self._connect()
                while not self._client.is_closed:
                    await self._make_streams()
                    self._up()
                    await self._reached.wait()  # again: a broker may have come back without its streams
                    self._reached.clear()
            except (*AWAY, OSError, ValueError) as error:
                self._tell(f"broker: {error}")
            # nats-py (2.16) gives up for good when the broker ends a connection with an error.
            self._ready.clear()
            await asyncio.sleep(RETRY_AFTER)
            self._client = Client()

    async def _connect(self) -> None:
        await self._client.connect(
            servers=self._settings.urls,
            name=self._who,
            allow_reconnect=True,
            max_reconnect_attempts=-1,
            reconnect_time_wait=RETRY_AFTER,
            connect_timeout=5,
            ping_interval=5,
            max_outstanding_pings=2,
            error_cb=self._complained,
            disconnected_cb=self._went,
            reconnected_cb=self._came,
            closed_cb=self._closed,
            **self._credentials,  # type: ignore[arg-type]
        )
        self._js = self._client.jetstream(timeout=10)
        self._store = None
        for subject, heard in self._listening:
            await self._client.subscribe(subject, cb=heard)

    def _up(self) -> None:
        if self.max_payload < LEAST_PAYLOAD:
            log.warning(
                "the broker takes messages of %d bytes at most (max_payload): files need %d",
                self.max_payload,
                LEAST_PAYLOAD,
            )
        self.up_since = monotonic()
        self._connections += 1
        self._ready.set()
        for act in self._on_up:
            act()

    async def _make_streams(self) -> None:
        while True:
            try:
                await self._add_streams()
                return
            except AWAY as error:
                if self._client.is_closed:
                    raise
                self._tell(f"the streams could not be made ({error}); is JetStream on (nats-server -js)?")
                await asyncio.sleep(RETRY_AFTER)

    async def _add_streams(self) -> None:
        names = self.names
        for stream, subjects in ((names.jobs_stream, names.all_jobs), (names.ends_stream, names.all_ends)):
            config = StreamConfig(
                name=stream,
                subjects=[subjects],
                retention=RetentionPolicy.WORK_QUEUE,
                storage=StorageType.FILE,
                max_age=KEPT_SECONDS,
                num_replicas=self._settings.replicas,
            )
            try:
                await self.js.add_stream(config)
            except BadRequestError:  # it is there, with other settings
                await self.js.update_stream(config)
        with suppress(BadRequestError):  # the same of the bucket
            await self.js.create_object_store(
                names.bucket, ttl=KEPT_SECONDS, replicas=self._settings.replicas
            )

    async def _complained(self, error: Exception) -> None:
        self._tell(f"broker: {str(error) or type(error).__name__}")

    async def _went(self) -> None:
        if self.up_since is not None:
            log.warning("the broker is away")
        self.up_since = None

    async def _came(self) -> None:
        log.info("the broker is back")
        self._told = ""
        self._reached.set()

    async def _closed(self) -> None:
        self.up_since = None
        self._reached.set()

    def _tell(self, text: str) -> None:
        """A broker that is away says the same every second."""
        if text != self._told:
            self._told = text
            log.warning("%s", text)
