"""Jobs in SQLite: every change of state is one guarded statement of queries.sql."""

import json
import sqlite3
from datetime import datetime
from importlib import resources
from typing import Any

import aiosql

from ...db import Database
from ...errors import JobDamaged, QueueFull
from ...schemas.jobs import KINDS, Job, JobStatus, JobType, Lane, Outcome, Progress
from . import listing, ordering, request_keys, rows
from .durations import Sample
from .listing import Counts, JobFilters, JobPage
from .new_job import NewJob
from .ordering import ANY_SLOT, ClaimingSlot, OrderingRules
from .quotas import NO_LIMITS, QuotaLimits, check_quota

_sql = aiosql.from_str(resources.files(__package__).joinpath("queries.sql").read_text("utf-8"), "sqlite3")

# A job that killed the server this often is not tried again.
MOST_UNCLEAN_STOPS = 3


class JobStore:
    """The jobs table."""

    def __init__(
        self, database: Database, rules: OrderingRules | None = None, most_pending: int | None = None
    ) -> None:
        """`most_pending`: how many jobs may wait, None = any number."""
        self._database = database
        self._most_pending = most_pending
        self._rules = rules or OrderingRules()

    async def insert(self, job: NewJob, limits: QuotaLimits = NO_LIMITS) -> int:
        """Store a pending job; its position among the pending jobs of its lane, 1 = next.

        `limits`: those of its user. Raises QueueFull and QuotaReached.
        """
        params = job.params
        not_before = rows.to_text(params.not_before) if params.not_before else None

        def insert(db: sqlite3.Connection) -> int:
            self._check_length(db, job)
            check_quota(db, job.user, limits)
            created_at = rows.now()
            waits = not_before is not None and not_before > created_at
            seq = _sql.insert_job(
                db,
                id=job.id,
                lane=KINDS[job.type].lane,
                type=job.type,
                created_at=created_at,
                params=params.model_dump_json(),
                model=job.model.model_dump_json() if job.model else None,
                model_key=ordering.key_of(job.model),
                upscaler=job.upscaler.model_dump_json() if job.upscaler else None,
                after=job.after,
                progress=Progress.before(params).model_dump_json(),
                work=job.work,
                needs=job.required_files.model_dump_json(),
                priority=params.priority,
                client_id=job.user if self._rules.turns_of == "user" else params.client_id or "",
                not_before=not_before,
                warnings=json.dumps(job.warnings),
                source=job.source,
                user=job.user,
            )
            if not waits:
                ordering.admit(db, seq, self._rules)
            _keep_webhook(db, job)
            position = ordering.position(db, job.id)
            if job.key is not None and job.answer is not None:
                request_keys.keep(db, job.key, job.answer(position))
            return position

        return await self._database.write(insert)

    def _check_length(self, db: sqlite3.Connection, job: NewJob) -> None:
        """A hash job belongs to a download that was accepted, or takes seconds: it is never refused."""
        if self._most_pending is None or KINDS[job.type].lane == "hash":
            return
        waiting = listing.count_pending(db)
        if waiting >= self._most_pending:
            raise QueueFull(
                f"The queue is full: {waiting} jobs wait, and limits.max_pending allows {self._most_pending};"
                " try again later"
            )

    async def claim(self, lane: Lane, slot: ClaimingSlot = ANY_SLOT) -> Job | None:
        """Take the job that is next for this slot, if there is one."""

        def claim(db: sqlite3.Connection) -> Job | None:
            while (seq := ordering.choose(db, lane, slot, self._rules)) is not None:
                row = _sql.claim(db, seq=seq, now=rows.now(), slot=slot.name)
                try:
                    return rows.job_of(row)
                except JobDamaged as error:
                    rows.tell_damaged(str(error))
                    _sql.fail_damaged(db, seq=seq, now=rows.now(), error=str(error))
            return None

        return await self._database.write(claim)

    async def find_next_due(self, lane: Lane) -> datetime | None:
        """When the next of the jobs that wait for a moment may run."""
        return await self._database.read(lambda db: ordering.find_next_due(db, lane))

    async def list_waiting_files(self, lane: Lane) -> list[str]:
        """What the jobs need that a claim could take now, each once."""
        return await self._database.read(lambda db: ordering.needs(db, lane))

    async def with_workers(self) -> list[tuple[Job, str]]:
        """Jobs that slots of workers have."""
        found = await self._database.read(lambda db: list(_sql.with_workers(db)))
        slots = {row["id"]: row["slot"] for row in found}
        return [(job, slots[job.id]) for job in rows.jobs_of(found)]

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
            now=rows.now(),
            progress=progress.model_dump_json(),
            outputs=json.dumps(outcome.outputs),
            result=result,
            seconds=outcome.seconds,
            error=error,
            warnings=json.dumps([*job.warnings, *outcome.warnings]),
            engine=outcome.engine,
            resumed_from_step=outcome.resumed_from_step,
        )

    async def pause(self, job_id: str) -> Job | None:
        """Keep a job that waits or runs from being claimed; None where there is none, or it is paused."""
        return await self._change("pause", id=job_id)

    async def resume(self, job_id: str) -> Job | None:
        """Let a paused job be claimed again; None where it is not paused."""
        return await self._change("resume", id=job_id)

    async def cancel(self, job_id: str) -> tuple[Job, JobStatus] | None:
        """Cancel a pending or processing job; the job and the state it left, or None."""

        def work(db: sqlite3.Connection) -> tuple[Any, str] | None:
            before = _sql.get_job(db, id=job_id)
            after = _sql.cancel(db, id=job_id, now=rows.now())
            return (after, before["status"]) if before and after else None

        found = await self._database.write(work)
        return (rows.job_of(found[0]), JobStatus(found[1])) if found else None

    async def keep(self, job: Job, outcome: Outcome) -> Job | None:
        """Give a cancelled job its outputs; None when it is not cancelled."""
        return await self._change(
            "keep",
            id=job.id,
            attempt=job.attempt,
            outputs=json.dumps(outcome.outputs),
            warnings=json.dumps([*job.warnings, *outcome.warnings]),
            engine=outcome.engine,
        )

    async def drop_followers(self, job: Job, status: JobStatus, error: str | None) -> list[Job]:
        """End the pending jobs that wait for `job`; those that were ended."""
        values = {"id": job.id, "status": status.value, "now": rows.now(), "error": error}
        found = await self._database.write(lambda db: list(_sql.drop_followers(db, **values)))
        return rows.jobs_of(found)

    async def find_follower_lanes(self, job: Job) -> list[Lane]:
        """The lanes of the pending jobs that wait for `job`."""
        return await self._database.read(
            lambda db: [row["lane"] for row in _sql.follower_lanes(db, id=job.id)]
        )

    async def requeue(
        self, job: Job, engine_lost: bool = False, worker_lost: bool = False, preempted: bool = False
    ) -> Job | None:
        """Return a running job to its place in the queue.

        `engine_lost` counts an engine that died, `worker_lost` a worker that is gone; `preempted`: a more
        urgent job goes first.
        """
        fresh = Progress.at(0, job.progress.total_steps, 0, job.progress.total_images)
        return await self._change(
            "requeue",
            id=job.id,
            attempt=job.attempt,
            engine_lost=int(engine_lost),
            worker_lost=int(worker_lost),
            preempted=int(preempted),
            progress=fresh.model_dump_json(),
        )

    async def count_unclean_stops(self, job_id: str) -> int:
        """How often the server or the worker that had this job was gone."""
        return int(await self._database.read(lambda db: _sql.unclean_count(db, id=job_id)[0]))

    async def count_lost_engines(self, job_id: str) -> int:
        """How often the engine died while it ran this job."""
        return int(await self._database.read(lambda db: _sql.lost_count(db, id=job_id)[0]))

    async def recover(self, with_workers: bool = False) -> None:
        """After an unclean stop: what was running is pending again, or failed if that happened too often.

        With workers, what they run goes on.
        """

        def work(db: sqlite3.Connection) -> None:
            if not with_workers:
                _sql.forget_workers(db)
            _sql.count_unclean_stop(db)
            error = f"The server stopped uncleanly {MOST_UNCLEAN_STOPS} times while this job ran"
            _sql.fail_unclean(db, now=rows.now(), error=error, most=MOST_UNCLEAN_STOPS)
            _sql.requeue_unclean(db)
            _sql.fail_followers(db, now=rows.now(), error="The job that it waited for did not complete")
            ordering.renumber(db, self._rules)

        await self._database.write(work)

    async def get(self, job_id: str) -> Job | None:
        """One job."""
        row = await self._database.read(lambda db: _sql.get_job(db, id=job_id))
        return rows.job_of(row) if row else None

    async def lineage(self, job_id: str, most: int) -> tuple[list[Job], list[Job]]:
        """The jobs that this one descends from, the first of all first, and those that descend from it."""
        up = await self._database.read(lambda db: list(_sql.ancestors(db, id=job_id, most=most)))
        down = await self._database.read(lambda db: list(_sql.descendants(db, id=job_id, most=most)))
        return rows.jobs_of(up), rows.jobs_of(down)

    async def broken(self, job_type: JobType) -> list[Job]:
        """Jobs of this type that failed or were cancelled."""
        found = await self._database.read(lambda db: list(_sql.broken(db, type=job_type)))
        return rows.jobs_of(found)

    async def unfinished(self) -> list[str]:
        """Jobs that wait or run."""
        return await self._database.read(lambda db: [row["id"] for row in _sql.unfinished(db)])

    async def without_outputs(self) -> list[str]:
        """Jobs that were tried, do not run now and have no outputs."""
        return await self._database.read(lambda db: [row["id"] for row in _sql.without_outputs(db)])

    async def position(self, job: Job) -> int:
        """Its place among the pending jobs of its lane."""
        return await self._database.read(lambda db: ordering.position(db, job.id))

    async def durations(self, job_type: JobType, model_name: str, upscaled: bool, most: int) -> list[Sample]:
        """What the newest completed jobs of a model and type were expected to cost, and what they took."""
        wanted = {"type": job_type, "model_name": model_name, "upscaled": upscaled, "most": most}
        found = await self._database.read(lambda db: list(_sql.durations(db, **wanted)))
        return [Sample(*row) for row in found]

    async def page(self, filters: JobFilters) -> JobPage:
        """One page of jobs."""
        return await self._database.read(lambda db: listing.page(db, filters))

    async def counts(self, user: str | None = None) -> Counts:
        """How many jobs are in each state: those of a user ("" = of nobody), or all."""
        return await self._database.read(lambda db: listing.counts(db, user))

    async def count_unfinished(self) -> dict[tuple[JobType, JobStatus], int]:
        """How many jobs wait and run, by type."""
        return await self._database.read(listing.count_unfinished)

    async def check(self) -> None:
        """Read from the table. Raises StorageUnavailable."""
        await self._database.read(lambda db: db.execute("SELECT 1 FROM jobs LIMIT 1").fetchone())

    async def _change(self, statement: str, **values: object) -> Job | None:
        row = await self._database.write(lambda db: getattr(_sql, statement)(db, **values))
        return rows.job_of(row) if row else None


def _keep_webhook(db: sqlite3.Connection, job: NewJob) -> None:
    params = job.params
    if params.webhook_url is not None:
        secret = params.webhook_secret.get_secret_value() if params.webhook_secret else None
        events = json.dumps(params.webhook_events)
        _sql.insert_webhook(db, job_id=job.id, url=params.webhook_url, events=events, secret=secret)
