"""When a message of a webhook is sent again."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sdcpp_restapi.config import Webhooks
from sdcpp_restapi.db import Database
from sdcpp_restapi.downloads.address_rules import AddressRules
from sdcpp_restapi.downloads.failures import AddressRefused, TransferInterrupted
from sdcpp_restapi.downloads.http_client import HttpClient
from sdcpp_restapi.errors import StorageUnavailable
from sdcpp_restapi.events import EventBus
from sdcpp_restapi.jobs.queue.new_job import NewJob
from sdcpp_restapi.jobs.queue.queue import Queue
from sdcpp_restapi.jobs.queue.store import JobStore
from sdcpp_restapi.jobs.webhooks.sender import LONGEST_PAUSE, WebhookSender
from sdcpp_restapi.jobs.webhooks.store import WebhookMessage, WebhookStore
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.webhooks import WebhookDelivery

Answer = tuple[int, float | None] | Exception


class ScriptedClient(HttpClient):
    """Answers so, one after the other."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__(AddressRules(allow_private=True), tokens=[], timeout=1)
        self._answers = list(answers)
        self.sent: list[dict[str, str]] = []

    async def deliver(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, float | None]:
        self.sent.append(dict(headers))
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Site:
    """A queue with webhooks on a database of its own."""

    def __init__(self, database: Database) -> None:
        self.bus = EventBus()
        self.queue = Queue(JobStore(database), self.bus)
        self.store = WebhookStore(database)

    async def cancel_one(self) -> str:
        """A job whose end is to be told; its id."""
        request = Txt2ImgRequest(prompt="a cat", webhook_url="http://127.0.0.1/")
        job = NewJob(type="txt2img", params=request)
        await self.queue.submit(job)
        await self.queue.cancel(job.id)
        return job.id

    @asynccontextmanager
    async def sending(self, client: HttpClient, **settings: float) -> AsyncIterator[None]:
        """A sender runs in the block."""
        own = Webhooks.model_validate({"retry_delay": 0.001, **settings})
        sender = WebhookSender(store=self.store, client=client, queue=self.queue, bus=self.bus, settings=own)
        running = asyncio.create_task(sender.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def delivery(self, job_id: str, done: Callable[[WebhookDelivery], bool]) -> WebhookDelivery:
        """What became of the only message of a job, once `done` says so."""
        while True:
            webhook = await self.store.describe(job_id)
            assert webhook is not None
            (delivery,) = webhook.deliveries
            if done(delivery):
                return delivery


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    database = await Database.open(tmp_path / "test.db")
    yield Site(database)
    await database.close()


def has_ended(delivery: WebhookDelivery) -> bool:
    return delivery.state != "waiting"


async def test_a_message_is_sent_until_it_is_taken(site: Site) -> None:
    client = ScriptedClient((500, None), TransferInterrupted("broke"), (204, None))
    job_id = await site.cancel_one()
    async with site.sending(client):
        delivery = await site.delivery(job_id, has_ended)
    assert (delivery.state, delivery.attempts, delivery.error) == ("delivered", 3, None)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((410, None), "It wants nothing more (410)"),
        (AddressRefused("it is private"), "it is private"),
        (RuntimeError("a bug"), "Internal error: RuntimeError: a bug"),
    ],
)
async def test_what_no_later_attempt_would_change_is_given_up_at_once(
    site: Site, answer: Answer, error: str
) -> None:
    job_id = await site.cancel_one()
    async with site.sending(ScriptedClient(answer)):
        delivery = await site.delivery(job_id, has_ended)
    assert (delivery.state, delivery.attempts, delivery.error) == ("failed", 1, error)


@pytest.mark.parametrize(
    ("attempts", "after", "seconds"),
    [
        (0, None, 5),
        (1, None, 20),
        (2, None, 80),
        (3, 2000.0, 2000),
        (9, None, LONGEST_PAUSE),
        (0, 1e6, LONGEST_PAUSE),
    ],
)
def test_each_pause_is_longer_and_none_is_longer_than_an_hour(
    attempts: int, after: float | None, seconds: float
) -> None:
    moment = datetime.now(UTC)
    message = WebhookMessage("msg_1", "job", "completed", moment, attempts, moment, "http://a/", None)
    sender = WebhookSender.__new__(WebhookSender)
    sender._settings = Webhooks(attempts=20)
    _, next_at = sender._try_later(message, "It answered 500", after)
    assert next_at is not None
    assert seconds <= (next_at - moment).total_seconds() < seconds + 60


async def test_a_message_of_a_job_is_sent_once_while_it_cannot_be_stored_that_it_was(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdcpp_restapi.jobs.queue.storage_stalls.FIRST_DELAY", 0.001)
    record, failures = site.store.record, [StorageUnavailable("locked")] * 3

    async def fail_first(message: WebhookMessage, error: str | None, next_at: datetime | None) -> None:
        if failures:
            raise failures.pop()
        await record(message, error, next_at)

    monkeypatch.setattr(site.store, "record", fail_first)
    client = ScriptedClient((200, None))
    job_id = await site.cancel_one()
    async with site.sending(client):
        await site.delivery(job_id, has_ended)
    assert len(client.sent) == 1


async def test_more_messages_than_are_sent_at_once_are_all_sent(site: Site) -> None:
    jobs = [await site.cancel_one() for _ in range(20)]
    client = ScriptedClient(*[(200, None)] * len(jobs))
    async with site.sending(client):
        for job_id in jobs:
            await site.delivery(job_id, has_ended)
    assert len({sent["webhook-id"] for sent in client.sent}) == len(jobs)


async def test_a_state_is_told_that_comes_while_the_sender_sleeps(site: Site) -> None:
    client = ScriptedClient((200, None))
    async with site.sending(client):
        await asyncio.sleep(0)
        job_id = await site.cancel_one()
        await site.delivery(job_id, has_ended)
    assert len(client.sent) == 1
