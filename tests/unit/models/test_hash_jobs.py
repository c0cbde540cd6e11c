"""The hash lane: jobs that compute hashes tell how far they are, and can be cancelled."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sdcpp_restapi.db import Database
from sdcpp_restapi.errors import BadRequest, JobCancelled, JobFailed, NotFound
from sdcpp_restapi.models.catalog import Catalog
from sdcpp_restapi.models.hash_cache import HashCache
from sdcpp_restapi.models.hashing import Hasher, HashExecutor
from sdcpp_restapi.schemas.downloads import HashRequest, JobResult
from sdcpp_restapi.schemas.jobs import Job, JobStatus, Outcome, Progress

LARGE = 700_000_000


@pytest.fixture
async def digests(tmp_path: Path) -> AsyncIterator[HashCache]:
    database = await Database.open(tmp_path / "test.db")
    yield await HashCache.read(database)
    await database.close()


@pytest.fixture
async def hasher(tmp_path: Path, digests: HashCache) -> AsyncIterator[Hasher]:
    (tmp_path / "vae").mkdir()
    made = Hasher(Catalog({"vae": tmp_path / "vae"}, refresh_after=0, digests=digests), digests)
    yield made
    await made.close()


@pytest.fixture
def executor(hasher: Hasher) -> HashExecutor:
    async def nothing(_job_id: str) -> JobResult | None:
        return None

    return HashExecutor(hasher, nothing)


def job(name: str | None, after: str | None = None) -> Job:
    return Job(
        id="hash",
        type="model_hash",
        status=JobStatus.PROCESSING,
        attempt=1,
        params=HashRequest(model_type="vae", name=name),
        after=after,
        created_at=datetime.now(UTC),
        progress=Progress(),
    )


def put(folder: Path, name: str, size: int) -> str:
    path = folder / "vae" / name
    path.write_bytes(b"vae")
    os.truncate(path, size)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def test_a_job_tells_its_progress_and_its_result(tmp_path: Path, executor: HashExecutor) -> None:
    digest = put(tmp_path, "large.safetensors", LARGE)
    happened = [happening async for happening in executor.run(job("large.safetensors"))]
    percents = [h.percentage for h in happened if isinstance(h, Progress)]
    assert percents == sorted(percents)
    assert any(0 < percent < 100 for percent in percents)
    path = str(tmp_path / "vae" / "large.safetensors")
    result = JobResult(path=path, model_type="vae", name="large.safetensors", sha256=digest)
    assert happened[-1] == Outcome(result=result)


async def test_a_cancelled_job_stops_reading(tmp_path: Path, executor: HashExecutor, hasher: Hasher) -> None:
    put(tmp_path, "large.safetensors", LARGE)
    running = executor.run(job("large.safetensors"))
    await anext(running)
    await executor.cancel("hash")
    with pytest.raises(JobCancelled):
        async for _ in running:
            pass
    await asyncio.wait_for(hasher.close(), 0.2)


async def test_a_cancelled_job_does_not_stop_the_hash_for_others(
    tmp_path: Path, executor: HashExecutor, hasher: Hasher
) -> None:
    digest = put(tmp_path, "large.safetensors", LARGE)
    running = executor.run(job("large.safetensors"))
    await anext(running)
    other = asyncio.create_task(hasher.sha256("vae", "large.safetensors"))
    await anext(running)
    await executor.cancel("hash")
    with pytest.raises(JobCancelled):
        async for _ in running:
            pass
    assert (await other).sha256 == digest


async def test_a_file_that_grows_while_it_is_read_is_not_remembered(
    tmp_path: Path, hasher: Hasher, digests: HashCache
) -> None:
    put(tmp_path, "growing.safetensors", LARGE)
    hashing = asyncio.create_task(hasher.sha256("vae", "growing.safetensors", lambda _done, _size: grow()))

    def grow() -> None:
        with (tmp_path / "vae" / "growing.safetensors").open("ab") as file:
            file.write(b"more")

    with pytest.raises(BadRequest, match="changed while it was read"):
        await hashing
    assert not await asyncio.to_thread(lambda: [d for d in digests.known.values() if d.version.size > LARGE])


async def test_a_file_that_may_not_be_read_is_told(tmp_path: Path, hasher: Hasher) -> None:
    path = tmp_path / "vae" / "folder.safetensors"
    path.write_bytes(b"x")
    await hasher.sha256("vae", "folder.safetensors")
    path.unlink()
    path.mkdir()
    with pytest.raises((BadRequest, NotFound)):
        await hasher.sha256("vae", "folder.safetensors")


@pytest.mark.parametrize("after", [None, "a job without result"])
async def test_a_job_without_a_name_needs_one_before_it_that_made_a_file(
    executor: HashExecutor, after: str | None
) -> None:
    with pytest.raises(JobFailed, match="name is required"):
        async for _ in executor.run(job(None, after)):
            pass
