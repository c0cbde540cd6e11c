"""The queue alone: long lines beside short ones, and what the order does to waiting times in a simulation."""

import asyncio
import heapq
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from sdcpp_restapi.db import Database
from sdcpp_restapi.jobs.queue import rows
from sdcpp_restapi.jobs.queue.listing import JobFilters
from sdcpp_restapi.jobs.queue.new_job import NewJob
from sdcpp_restapi.jobs.queue.ordering import ClaimingSlot, OrderingRules
from sdcpp_restapi.jobs.queue.store import JobStore
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.jobs import JobStatus, Outcome
from sdcpp_restapi.schemas.models import LoadRequest

from .plan import Plan
from .report import Figure, Report

SHORT, LONG = 100, 100_000
REQUEST = Txt2ImgRequest(prompt="a lovely cat", seed=1)


def measure(folder: Path, plan: Plan, report: Report) -> None:
    """Both parts."""
    asyncio.run(lines(folder, plan, report))
    asyncio.run(simulations(folder, plan, report))


# ---------------------------------------------------------------- long lines


async def lines(folder: Path, plan: Plan, report: Report) -> None:
    """Submit, claim and list with 100,000 pending jobs, as so many times what they take with 100."""
    stores = {count: await filled(folder / f"{count}.db", count) for count in (SHORT, LONG)}
    for name, act in {"submit": submit, "claim": claim, "list 50": page, "list 50 pending": pending}.items():
        taken: dict[int, list[float]] = {SHORT: [], LONG: []}
        for _ in range(max(plan.jobs, 30)):  # in turns, so that noise meets both
            for count, store in stores.items():
                taken[count].append(await milliseconds(act, store))
        short, long = (statistics.median(taken[count]) for count in (SHORT, LONG))
        detail = f"{short:.2f} ms with {SHORT:,} pending, {long:.2f} ms with {LONG:,}"
        report.add(Figure(f"{name}: long line beside short", long / short, "times", 2, detail=detail))


async def filled(path: Path, count: int) -> JobStore:
    """A store with so many pending jobs."""
    database = await Database.open(path)
    store = JobStore(database)
    await store.insert(NewJob(type="txt2img", params=REQUEST, model=model(0)))
    await database.write(
        lambda db: (
            db.execute(
                "INSERT INTO jobs (id, lane, type, created_at, params, model, model_key, progress, held)"
                " WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)"
                " SELECT printf('%08d', n), lane, type, created_at, params, model, model_key, progress, 0"
                " FROM numbers, jobs",
                (count - 1,),
            ).rowcount
        )
    )
    return store


async def submit(store: JobStore) -> None:
    """One job more."""
    await store.insert(NewJob(type="txt2img", params=REQUEST, model=model(0)))


async def claim(store: JobStore) -> None:
    """One job less."""
    assert await store.claim("engine", ClaimingSlot(holds=model(1))) is not None


async def page(store: JobStore) -> None:
    """The newest jobs."""
    assert len((await store.page(JobFilters(limit=50))).jobs) == 50


async def pending(store: JobStore) -> None:
    """The newest that wait."""
    found = await store.page(JobFilters(limit=50, status=JobStatus.PENDING))
    assert len(found.jobs) == 50


async def milliseconds(act: Callable[[JobStore], Awaitable[None]], store: JobStore) -> float:
    """How long it takes."""
    began = time.perf_counter()
    await act(store)
    return (time.perf_counter() - began) * 1000


# ---------------------------------------------------------------- simulation

# Seconds: jobs with a heavy tail (Pareto, shape 1.5: a few are fifty times the median), loads of models.
MEAN_SECONDS, SHAPE, LOAD_SECONDS = 12.0, 1.5, 20.0
SLOTS, MODELS = 4, 6
# Of what the slots could do if no model were ever loaded.
BUSY = 0.7
POLICIES = {
    "fifo": 0.0,
    "affinity": 1e9,
    "affinity, bounded at 30 s": 30.0,
    "affinity, bounded at 120 s": 120.0,
}


@dataclass
class Result:
    """What came of it."""

    waits: list[float]
    loads: int
    seconds: float


async def simulations(folder: Path, plan: Plan, report: Report) -> None:
    """The real line on simulated time: the same jobs under each policy."""
    count = 2000 if plan.jobs >= 100 else 500
    for name, patience in POLICIES.items():
        database = await Database.open(folder / f"{patience}.db")
        result = await simulate(JobStore(database, OrderingRules(patience=patience)), count)
        await database.close()
        waits = sorted(result.waits)
        detail = (
            f"p99 {waits[int(len(waits) * 0.99)]:.0f} s, {result.loads} loads for {count} jobs,"
            f" {count / result.seconds * 60:.1f} jobs/min"
        )
        report.add(Figure(f"simulated mean wait, {name}", statistics.mean(waits), "s", detail=detail))


async def simulate(store: JobStore, count: int) -> Result:
    """Jobs arrive at random; a slot that is free takes what the line gives it."""
    chance = random.Random(1)
    arrivals = arrivals_of(chance, count)
    clock = Clock()
    free: list[tuple[float, int]] = [(0.0, number) for number in range(SLOTS)]
    holds: dict[int, int] = {}
    result = Result([], 0, 0.0)
    waiting: dict[str, tuple[float, int, float]] = {}
    with clock:
        while len(result.waits) < count:
            moment, slot = heapq.heappop(free)
            while arrivals and (arrivals[0][0] <= moment or not waiting):
                await arrive(store, clock, arrivals.pop(0), waiting)
                moment = max(moment, clock.seconds) if len(waiting) == 1 else moment
            clock.seconds = moment
            loaded = model(holds[slot]) if slot in holds else None
            job = await store.claim("engine", ClaimingSlot(holds=loaded))
            assert job is not None
            await store.finish(job, JobStatus.COMPLETED, job.progress, Outcome(), None)
            arrived, number, seconds = waiting.pop(job.id)
            result.waits.append(moment - arrived)
            if holds.get(slot) != number:
                holds[slot], seconds, result.loads = number, seconds + LOAD_SECONDS, result.loads + 1
            heapq.heappush(free, (moment + seconds, slot))
            result.seconds = max(result.seconds, moment + seconds)
    return result


def arrivals_of(chance: random.Random, count: int) -> list[tuple[float, int, float]]:
    """Moment, model and seconds of each job: a few models are asked for most."""
    moment, found = 0.0, []
    weights = [1 / (rank + 1) for rank in range(MODELS)]
    for _ in range(count):
        moment += chance.expovariate(BUSY * SLOTS / MEAN_SECONDS)
        (number,) = chance.choices(range(MODELS), weights)
        seconds = chance.paretovariate(SHAPE) * MEAN_SECONDS * (SHAPE - 1) / SHAPE
        found.append((moment, number, seconds))
    return found


async def arrive(
    store: JobStore,
    clock: "Clock",
    job: tuple[float, int, float],
    waiting: dict[str, tuple[float, int, float]],
) -> None:
    """A job is submitted at its moment."""
    clock.seconds = job[0]
    job_id = str(uuid4())
    await store.insert(NewJob(id=job_id, type="txt2img", params=REQUEST, model=model(job[1])))
    waiting[job_id] = job


class Clock:
    """The line's clock, while it is entered."""

    START = datetime(2030, 1, 1, tzinfo=UTC)

    def __init__(self) -> None:
        self.seconds = 0.0
        self._real = rows.now

    def __enter__(self) -> None:
        rows.now = lambda: rows.to_text(self.START + timedelta(seconds=self.seconds))  # type: ignore[assignment]

    def __exit__(self, *_: object) -> None:
        rows.now = self._real


def model(number: int) -> LoadRequest:
    """One of the models."""
    return LoadRequest(model_name=f"{number}.safetensors")
