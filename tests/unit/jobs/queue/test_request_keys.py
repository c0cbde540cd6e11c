"""Answers that are kept for requests that come twice."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from sdcpp_restapi.db import Database
from sdcpp_restapi.errors import BadRequest, IdempotencyKeyReused
from sdcpp_restapi.jobs.queue import request_keys
from sdcpp_restapi.jobs.queue.request_keys import RequestKey, RequestKeys
from sdcpp_restapi.schemas.generation import Accepted

KEY = RequestKey("a", "digest")


class Site:
    """Keys on a database of their own, and jobs that only count."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.keys = RequestKeys(database)
        self.jobs = 0

    async def submit(self, key: RequestKey) -> Accepted:
        """Make a job, as a submission does it."""
        self.jobs += 1
        answer = Accepted(job_id=str(self.jobs), position=1)
        await self.database.write(lambda db: request_keys.keep(db, key, answer))
        return answer


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    database = await Database.open(tmp_path / "test.db")
    yield Site(database)
    await database.close()


async def test_the_second_request_gets_the_answer_of_the_first(site: Site) -> None:
    first = await site.keys.answer_once(KEY, site.submit)
    again = await RequestKeys(site.database).answer_once(KEY, site.submit)
    assert (first.replayed, again.replayed) == (False, True)
    assert (first.text, site.jobs) == (again.text, 1)


async def test_requests_at_the_same_time_make_one_job(site: Site) -> None:
    answers = await asyncio.gather(*(site.keys.answer_once(KEY, site.submit) for _ in range(20)))
    assert len({answer.text for answer in answers}) == 1
    assert site.jobs == 1


async def test_another_request_with_the_key_is_refused(site: Site) -> None:
    await site.keys.answer_once(KEY, site.submit)
    with pytest.raises(IdempotencyKeyReused):
        await site.keys.answer_once(RequestKey("a", "another"), site.submit)
    assert site.jobs == 1


async def test_a_request_that_was_refused_keeps_nothing(site: Site) -> None:
    async def refuse(_key: RequestKey) -> Accepted:
        raise BadRequest

    with pytest.raises(BadRequest):
        await site.keys.answer_once(KEY, refuse)
    assert not (await site.keys.answer_once(RequestKey("a", "another"), site.submit)).replayed


async def test_an_answer_is_forgotten_after_a_day(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.keys.answer_once(KEY, site.submit)
    monkeypatch.setattr(request_keys, "KEPT", timedelta(seconds=-1))  # two in one millisecond are apart too
    await site.keys.answer_once(RequestKey("a", "another"), site.submit)
    assert site.jobs == 2
    kept = await site.database.read(lambda db: list(db.execute("SELECT digest FROM request_keys")))
    assert [row["digest"] for row in kept] == ["another"]
