"""Sends the messages of webhooks: several at once, again after a pause, over restarts. No job waits."""

import asyncio
import logging
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from ...config import Webhooks
from ...downloads.failures import TransferInterrupted, UpstreamFailed
from ...downloads.http_client import HttpClient
from ...errors import InternalError, SdcppError
from ...events import EventBus
from ...schemas.base import Frozen
from ...schemas.events import EventData, JobStatusChanged
from ...schemas.jobs import JobView
from ...schemas.timestamps import Moment
from ..queue.job_view import view_of
from ..queue.queue import Queue
from .signature import sign
from .store import WebhookMessage, WebhookStore

log = logging.getLogger(__name__)

MOST_AT_ONCE = 8
# Seconds; each pause is four times as long as the one before.
LONGEST_PAUSE = 3600.0
# Seconds that it sleeps at most, so that it notices when the clock was set or the machine was asleep.
LONGEST_SLEEP = 60.0
# By the convention of Standard Webhooks: the receiver wants nothing more.
GONE = 410


class WebhookBody(Frozen):
    """What is sent."""

    type: str  # job.completed, ...
    timestamp: Moment  # of the change of state
    data: JobView  # the job as it is when this is sent


class WebhookSender:
    """Tells what is to be told."""

    def __init__(
        self, *, store: WebhookStore, client: HttpClient, queue: Queue, bus: EventBus, settings: Webhooks
    ) -> None:
        self._store = store
        self._client = client
        self._queue = queue
        self._settings = settings
        self._wakeup = asyncio.Event()
        self._in_hand: set[str] = set()
        self.outcomes: Counter[str] = Counter()  # delivered, retried, failed
        bus.add_listener(self._hear)

    async def run(self) -> None:
        """Send until cancelled; what is on its way then is sent again after the next start."""
        self._in_hand.clear()
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wakeup.clear()
                free = MOST_AT_ONCE - len(self._in_hand)
                waiting = await self._store.list_waiting(free, self._in_hand) if free else []
                due = [message for message in waiting if _seconds_until(message.due_at) <= 0]
                for message in due:
                    self._in_hand.add(message.id)
                    tasks.create_task(self._tell(message))
                if not due:
                    await self._sleep(waiting[0] if waiting else None)

    def _hear(self, data: EventData) -> None:
        if isinstance(data, JobStatusChanged):
            self._wakeup.set()

    async def _sleep(self, first: WebhookMessage | None) -> None:
        seconds = min(_seconds_until(first.due_at), LONGEST_SLEEP) if first else None
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wakeup.wait()

    async def _tell(self, message: WebhookMessage) -> None:
        with self._queue.request_ids.logging_for(message.job_id):
            await self._try_and_record(message)

    async def _try_and_record(self, message: WebhookMessage) -> None:
        error, next_at = await self._try(message)
        self.outcomes["delivered" if error is None else "retried" if next_at else "failed"] += 1
        if error is None:
            log.info("job %s: its webhook was told %s", message.job_id, message.event)
        else:
            log.warning("job %s: its webhook was not told %s: %s", message.job_id, message.event, error)
        # Told again and again for as long as this could not be stored: the receiver has better things to do.
        await self._queue.stalls.until_stored(
            f"what became of a webhook of job {message.job_id}",
            lambda: self._store.record(message, error, next_at),
        )
        self._queue.touch()
        self._in_hand.discard(message.id)
        self._wakeup.set()

    async def _try(self, message: WebhookMessage) -> tuple[str | None, datetime | None]:
        """Why it failed, if it did, and when to try again, if at all."""
        try:
            status, after = await self._send(message)
        except TransferInterrupted as error:
            return self._try_later(message, str(error), None)
        except SdcppError as error:
            return str(error), None
        except Exception as error:
            log.exception("job %s: its webhook broke", message.job_id)
            return str(InternalError.of(error)), None
        if 200 <= status < 300:
            return None, None
        if status == GONE:
            return f"It wants nothing more ({status})", None
        return self._try_later(message, f"It answered {status}", after)

    async def _send(self, message: WebhookMessage) -> tuple[int, float | None]:
        """Status of the answer, and the seconds that it asks to wait.

        Raises AddressRefused, TransferInterrupted, JobDamaged.
        """
        job = await self._store.find_job(message.job_id)
        if job is None:
            raise UpstreamFailed("The job was deleted for good")
        body = WebhookBody(
            type=f"job.{message.event}",
            timestamp=message.created_at,
            data=view_of(self._queue.live, job, None),
        )
        text = body.model_dump_json().encode()
        moment = int(datetime.now(UTC).timestamp())
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message.id,
            "webhook-timestamp": str(moment),
        }
        if message.secret is not None:
            headers["webhook-signature"] = sign(message.secret, message.id, moment, text)
        try:
            async with asyncio.timeout(self._settings.timeout):
                return await self._client.deliver(message.url, headers, text)
        except TimeoutError:
            raise TransferInterrupted(f"No answer in {self._settings.timeout:g} s") from None

    def _try_later(
        self, message: WebhookMessage, error: str, after: float | None
    ) -> tuple[str, datetime | None]:
        made = message.attempts + 1
        if made >= self._settings.attempts:
            return f"{error} (given up after {made} attempts)", None
        pause = max(self._settings.retry_delay * 4.0 ** (made - 1), after or 0.0)
        return error, datetime.now(UTC) + timedelta(seconds=min(pause, LONGEST_PAUSE))


def _seconds_until(moment: datetime) -> float:
    return (moment - datetime.now(UTC)).total_seconds()
