"""The hash lane: jobs that compute hashes tell how far they are, and can be cancelled."""

import asyncio
import hashlib
import io
import os
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sdcpp_restapi.db import Database
from sdcpp_restapi.errors import BadRequest, JobCancelled, JobFailed, NotFound
from sdcpp_restapi.models import hashing
from sdcpp_restapi.models.catalog import Catalog
from sdcpp_restapi.models.hash_cache import HashCache
from sdcpp_restapi.models.hashing import Hasher, HashExecutor
from sdcpp_restapi.schemas.downloads import HashRequest, JobResult
from sdcpp_restapi.schemas.jobs import Job, JobStatus, Outcome, Progress

SIZE = 1_000_000


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
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Readings stop in the middle of the file until this is set, or they are told to end."""
    gate, read = threading.Event(), hashing._Reading.readinto

    def read_at_gate(reading: hashing._Reading, buffer: memoryview) -> int:
        while reading.done > SIZE / 2 and not reading.stopped and not gate.wait(0.01):
            pass
        return read(reading, buffer)

    monkeypatch.setattr(hashing._Reading, "readinto", read_at_gate)
    monkeypatch.setattr(hashing, "INTERVAL", 0.01)
    return gate


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


async def wait_for_progress(running: AsyncIterator[Progress | Outcome]) -> None:
    """Returns once the first half of the file was read."""
    async for happening in running:
        if isinstance(happening, Progress) and happening.percentage > 0:
            return


async def test_a_cancel_while_the_file_is_opened_leaves_it_closed(
    tmp_path: Path, executor: HashExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "model.safetensors", SIZE)
    opening, go_on, closed = threading.Event(), threading.Event(), threading.Event()
    open_file = hashing._Reading.__init__

    def open_at_leisure(reading: hashing._Reading, path: Path) -> None:
        opening.set()
        go_on.wait()
        open_file(reading, path)

    def close(reading: hashing._Reading) -> None:
        io.FileIO.close(reading)
        closed.set()

    monkeypatch.setattr(hashing._Reading, "close", close, raising=False)
    monkeypatch.setattr(hashing._Reading, "__init__", open_at_leisure)
    running = executor.run(job("model.safetensors"))
    first = asyncio.create_task(anext(running))
    await asyncio.to_thread(opening.wait)
    await first
    await executor.cancel("hash")
    with pytest.raises(JobCancelled):
        async for _ in running:
            pass
    go_on.set()
    await asyncio.to_thread(closed.wait)


async def test_a_job_tells_its_progress_and_its_result(
    tmp_path: Path, executor: HashExecutor, gate: threading.Event
) -> None:
    digest = put(tmp_path, "model.safetensors", SIZE)
    happened = []
    async for happening in executor.run(job("model.safetensors")):
        happened.append(happening)
        if isinstance(happening, Progress) and happening.percentage > 0:
            gate.set()
    percents = [h.percentage for h in happened if isinstance(h, Progress)]
    assert percents == sorted(percents)
    assert any(50 < percent < 100 for percent in percents)
    path = str(tmp_path / "vae" / "model.safetensors")
    result = JobResult(path=path, model_type="vae", name="model.safetensors", sha256=digest)
    assert happened[-1] == Outcome(result=result)


@pytest.mark.usefixtures("gate")
async def test_a_cancelled_job_stops_reading(tmp_path: Path, executor: HashExecutor, hasher: Hasher) -> None:
    put(tmp_path, "model.safetensors", SIZE)
    running = executor.run(job("model.safetensors"))
    await wait_for_progress(running)
    await executor.cancel("hash")
    with pytest.raises(JobCancelled):
        async for _ in running:
            pass
    await hasher.close()


async def test_a_cancelled_job_does_not_stop_the_hash_for_others(
    tmp_path: Path, executor: HashExecutor, hasher: Hasher, gate: threading.Event
) -> None:
    digest = put(tmp_path, "model.safetensors", SIZE)
    running = executor.run(job("model.safetensors"))
    await wait_for_progress(running)
    other = asyncio.create_task(hasher.sha256("vae", "model.safetensors"))
    await wait_for_progress(running)
    await executor.cancel("hash")
    with pytest.raises(JobCancelled):
        async for _ in running:
            pass
    gate.set()
    assert (await other).sha256 == digest


async def test_a_file_that_grows_while_it_is_read_is_not_remembered(
    tmp_path: Path, hasher: Hasher, digests: HashCache, gate: threading.Event
) -> None:
    put(tmp_path, "growing.safetensors", SIZE)
    hashing = asyncio.create_task(hasher.sha256("vae", "growing.safetensors", lambda _done, _size: grow()))

    def grow() -> None:
        with (tmp_path / "vae" / "growing.safetensors").open("ab") as file:
            file.write(b"more")
        gate.set()

    with pytest.raises(BadRequest, match="changed while it was read"):
        await hashing
    assert not await asyncio.to_thread(lambda: [d for d in digests.known.values() if d.version.size > SIZE])


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
