"""Jobs in SQLite: every change of state is one guarded statement of queries.sql."""

import json
import re
import sqlite3
from datetime import UTC, datetime
from functools import lru_cache
from importlib import resources
from typing import Any

import aiosql
from pydantic import TypeAdapter

from ..db import Database
from ..schemas.base import Frozen
from ..schemas.downloads import JobResult
from ..schemas.jobs import KINDS, Job, JobStatus, JobType, Lane, Outcome, Params, Progress
from ..schemas.models import LoadRequest
from ..schemas.needs import Needs
from ..schemas.trash import Place
from ..schemas.upscaling import UpscalerRequest
from .work import Sample

Counts = dict[JobStatus, int]
_sql = aiosql.from_str(resources.files(__package__).joinpath("queries.sql").read_text("utf-8"), "sqlite3")
_MOMENT = TypeAdapter(datetime | None)

# A job that killed the server this often is not tried again.
MOST_UNCLEAN_STOPS = 3


class Filters(Frozen):
    """Which jobs a page shows, and where it starts."""

    status: JobStatus | None = None
    type: JobType | None = None
    search: str | None = None
    trash: bool = False
    ascending: bool = False
    limit: int
    offset: int = 0

    @property
    def narrow(self) -> bool:
        """Whether jobs are filtered out at all."""
        return bool(self.status or self.type or self.search or self.trash)


class Page(Frozen):
    """Jobs and, as of the same moment, the counts of the whole queue and of what the filters let through."""

    jobs: list[Job]
    counts: dict[JobStatus, int]
    matching: int | None


class JobStore:
    """The jobs table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def insert(
        self,
        job_id: str,
        job_type: JobType,
        params: Params,
        model: LoadRequest | None,
        upscaler: UpscalerRequest | None,
        after: str | None,
        work: float | None,
        needs: Needs,
    ) -> int:
        """Store a pending job; its position among the pending jobs of its lane, 1 = next."""
        lane = KINDS[job_type].lane

        def insert(db: sqlite3.Connection) -> int:
            _sql.insert_job(
                db,
                id=job_id,
                lane=lane,
                type=job_type,
                created_at=_now(),
                params=params.model_dump_json(),
                model=model.model_dump_json() if model else None,
                upscaler=upscaler.model_dump_json() if upscaler else None,
                after=after,
                progress=Progress.before(params).model_dump_json(),
                work=work,
                needs=needs.model_dump_json(),
            )
            return int(_sql.position(db, id=job_id, lane=lane)[0])

        return await self._database.write(insert)

    async def claim(self, lane: Lane, slot: str | None, able: list[str] | None) -> Job | None:
        """Take the oldest pending job, if there is one; with `able`, one that needs one of these."""
        needs = None if able is None else json.dumps(able)
        return await self._change("claim", lane=lane, now=_now(), slot=slot, able=needs)

    async def waiting_needs(self, lane: Lane) -> list[str]:
        """What the pending jobs of a lane need, each once."""
        rows = await self._database.read(lambda db: list(_sql.waiting_needs(db, lane=lane)))
        return [row["needs"] for row in rows]

    async def with_workers(self) -> list[tuple[Job, str]]:
        """Jobs that slots of workers have."""
        rows = await self._database.read(lambda db: list(_sql.with_workers(db)))
        return [(_job(row), row["slot"]) for row in rows]

    async def finish(
        self, job: Job, status: JobStatus, progress: Progress, outcome: Outcome, error: str | None
    ) -> Job | None:
        """End an attempt; None when it no longer holds the job."""
        result = outcome.result.model_dump_json() if outcome.result else None
        return await self._change(
            "finish",
            id=job.id,
            attempt=job.attempt,
            status=status.value,
            now=_now(),
            progress=progress.model_dump_json(),
            outputs=json.dumps(outcome.outputs),
            result=result,
            seconds=outcome.seconds,
            error=error,
        )

    async def cancel(self, job_id: str) -> tuple[Job, JobStatus] | None:
        """Cancel a pending or processing job; the job and the state it left, or None."""

        def work(db: sqlite3.Connection) -> tuple[Any, str] | None:
            before = _sql.get_job(db, id=job_id)
            after = _sql.cancel(db, id=job_id, now=_now())
            return (after, before["status"]) if before and after else None

        found = await self._database.write(work)
        return (_job(found[0]), JobStatus(found[1])) if found else None

    async def keep(self, job: Job, outcome: Outcome) -> Job | None:
        """Give a cancelled job its outputs; None when it is not cancelled."""
        outputs = json.dumps(outcome.outputs)
        return await self._change("keep", id=job.id, attempt=job.attempt, outputs=outputs)

    async def drop_followers(self, job: Job, status: JobStatus, error: str | None) -> list[Job]:
        """End the pending jobs that wait for `job`; those that were ended."""
        values = {"id": job.id, "status": status.value, "now": _now(), "error": error}
        rows = await self._database.write(lambda db: list(_sql.drop_followers(db, **values)))
        return [_job(row) for row in rows]

    async def give_back(self, job: Job, lost: bool, stranded: bool) -> Job | None:
        """Return a running job to its place in the queue.

        `lost` counts an engine that died, `stranded` a worker that is gone.
        """
        fresh = Progress.at(0, job.progress.total_steps, 0, job.progress.total_images)
        return await self._change(
            "give_back",
            id=job.id,
            attempt=job.attempt,
            lost=int(lost),
            stranded=int(stranded),
            progress=fresh.model_dump_json(),
        )

    async def times_unclean(self, job_id: str) -> int:
        """How often the server or the worker that had this job was gone."""
        return int(await self._database.read(lambda db: _sql.unclean_count(db, id=job_id)[0]))

    async def times_lost(self, job_id: str) -> int:
        """How often the engine died while it ran this job."""
        return int(await self._database.read(lambda db: _sql.lost_count(db, id=job_id)[0]))

    async def recover(self, with_workers: bool) -> None:
        """After an unclean stop: what was running is pending again, or failed if that happened too often.

        With workers, what they run goes on.
        """

        def work(db: sqlite3.Connection) -> None:
            if not with_workers:
                _sql.forget_workers(db)
            _sql.count_unclean_stop(db)
            error = f"The server stopped uncleanly {MOST_UNCLEAN_STOPS} times while this job ran"
            _sql.fail_unclean(db, now=_now(), error=error, most=MOST_UNCLEAN_STOPS)
            _sql.requeue_unclean(db)
            _sql.fail_followers(db, now=_now(), error="The job that it waited for did not complete")

        await self._database.write(work)

    async def get(self, job_id: str) -> Job | None:
        """One job."""
        row = await self._database.read(lambda db: _sql.get_job(db, id=job_id))
        return _job(row) if row else None

    async def broken(self, job_type: JobType) -> list[Job]:
        """Jobs of this type that failed or were cancelled."""
        rows = await self._database.read(lambda db: list(_sql.broken(db, type=job_type)))
        return [_job(row) for row in rows]

    async def position(self, job: Job) -> int:
        """Its place among the pending jobs of its lane."""
        lane = KINDS[job.type].lane
        return int(await self._database.read(lambda db: _sql.position(db, id=job.id, lane=lane)[0]))

    async def durations(self, job_type: JobType, model_name: str, upscaled: bool, most: int) -> list[Sample]:
        """What the newest completed jobs of a model and type were expected to cost, and what they took."""
        wanted = {"type": job_type, "model_name": model_name, "upscaled": upscaled, "most": most}
        rows = await self._database.read(lambda db: list(_sql.durations(db, **wanted)))
        return [Sample(*row) for row in rows]

    async def page(self, filters: Filters) -> Page:
        """One page of jobs."""
        select = _sql.oldest_first if filters.ascending else _sql.newest_first
        place: Place = "trash" if filters.trash else "queue"
        search = _like(filters.search)
        wanted = {"place": place, "status": filters.status, "type": filters.type, "search": search}

        def work(db: sqlite3.Connection) -> Page:
            rows = select(db, **wanted, limit=filters.limit, offset=filters.offset)
            return Page(
                jobs=[_job(row) for row in rows],
                counts=_counts(db),
                matching=_sql.matching(db, **wanted)[0] if filters.narrow else None,
            )

        return await self._database.read(work)

    async def counts(self) -> Counts:
        """How many jobs are in each state."""
        return await self._database.read(_counts)

    async def _change(self, statement: str, **values: object) -> Job | None:
        row = await self._database.write(lambda db: getattr(_sql, statement)(db, **values))
        return _job(row) if row else None


def _counts(db: sqlite3.Connection) -> Counts:
    return {JobStatus(row["status"]): row["count"] for row in _sql.counts(db)}


def _like(search: str | None) -> str | None:
    if not search:
        return None
    # What is searched is JSON text, which holds quotes, backslashes and line ends escaped.
    text = json.dumps(search, ensure_ascii=False)[1:-1]
    return "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@lru_cache(maxsize=32)
def _model(text: str) -> LoadRequest:
    # Most jobs are stamped with one of a few models: a page reads each of them once.
    return LoadRequest.model_validate_json(text)


def _job(row: Any) -> Job:
    return Job(
        id=row["id"],
        type=row["type"],
        status=JobStatus(row["status"]),
        attempt=row["attempt"],
        params=KINDS[row["type"]].params.model_validate_json(row["params"]),
        model=_model(row["model"]) if row["model"] else None,
        upscaler=UpscalerRequest.model_validate_json(row["upscaler"]) if row["upscaler"] else None,
        after=row["after"],
        created_at=_MOMENT.validate_python(row["created_at"]),
        started_at=_MOMENT.validate_python(row["started_at"]),
        completed_at=_MOMENT.validate_python(row["completed_at"]),
        progress=Progress.model_validate_json(row["progress"]),
        outputs=tuple(json.loads(row["outputs"])),
        slot=row["slot"],
        result=JobResult.model_validate_json(row["result"]) if row["result"] else None,
        error=row["error"],
        deleted_at=_MOMENT.validate_python(row["deleted_at"]),
    )
