"""Pages of a period: right whatever the clock did, and found without reading the history."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdcpp_restapi.db import Database, _migrate
from sdcpp_restapi.jobs.queue import listing
from sdcpp_restapi.jobs.queue.listing import JobFilters
from sdcpp_restapi.jobs.queue.rows import to_text
from sdcpp_restapi.schemas.jobs import JobStatus

from .conftest import OpenLine

START = datetime(2024, 1, 30, tzinfo=UTC)
# Hours from START at which jobs are created, in their order: the clock may go back.
HOURS = st.lists(st.integers(0, 96), max_size=12)
BOUND = st.none() | st.integers(-24, 120)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def add(db: sqlite3.Connection, hours: list[int], status: str = "completed") -> None:
    db.executemany(
        "INSERT INTO jobs (id, lane, type, status, created_at, params, progress)"
        " VALUES (?, 'engine', 'txt2img', ?, ?, '{\"prompt\": \"x\"}', '{}')",
        [(f"{status} {number}", status, to_text(at(hour))) for number, hour in enumerate(hours)],
    )


@contextmanager
def opened() -> Iterator[sqlite3.Connection]:
    """A database in memory with the tables of Database."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        _migrate(connection, Path("memory"))
        yield connection


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with opened() as connection:
        yield connection


@settings(max_examples=200, deadline=None)
@given(
    hours=HOURS,
    failed=HOURS,
    thrown=st.integers(0, 5),
    bounds=st.tuples(BOUND, BOUND),
    status=st.sampled_from([None, JobStatus.FAILED]),
    trash=st.booleans(),
    ascending=st.booleans(),
)
def test_a_page_of_a_period_has_the_jobs_of_it_in_their_order(
    hours: list[int],
    failed: list[int],
    thrown: int,
    bounds: tuple[int | None, int | None],
    status: JobStatus | None,
    trash: bool,
    ascending: bool,
) -> None:
    after, before = (at(bound) if bound is not None else None for bound in bounds)
    filters = JobFilters(status=status, after=after, before=before, trash=trash, ascending=ascending, limit=4)
    with opened() as db:
        add(db, hours)
        add(db, failed, status="failed")
        db.execute("UPDATE jobs SET place = 'trash' WHERE seq <= ?", (thrown,))
        db.execute("DELETE FROM jobs WHERE seq = 3")
        expected = [
            row["id"]
            for row in db.execute("SELECT * FROM jobs ORDER BY seq")
            if (row["place"] == "trash") == trash
            and (status is None or row["status"] == status)
            and (after is None or row["created_at"] >= to_text(after))
            and (before is None or row["created_at"] < to_text(before))
        ]
        page = listing.page(db, filters)
    shown = expected if ascending else expected[::-1]
    assert [job.id for job in page.jobs] == shown[:4]
    assert page.has_more == (len(shown) > 4)
    assert page.matching == (len(expected) if filters.narrow else None)


def test_job_days_counts_what_there_is_whatever_becomes_of_jobs(db: sqlite3.Connection) -> None:
    add(db, [1, 2, 30, 31, 60], status="pending")
    db.execute("UPDATE jobs SET status = 'processing' WHERE seq IN (1, 3)")
    db.execute("UPDATE jobs SET status = 'completed' WHERE seq = 1")
    db.execute("UPDATE jobs SET place = 'trash' WHERE seq = 1")
    db.execute("UPDATE jobs SET status = 'cancelled', place = 'gone' WHERE seq = 5")
    db.execute("DELETE FROM jobs WHERE seq = 5")
    counted = db.execute(
        "SELECT place, day, status, type, count FROM job_days ORDER BY 1, 2, 3, 4"
    ).fetchall()
    real = db.execute(
        "SELECT place, substr(created_at, 1, 10), status, type, count(*) FROM jobs GROUP BY 1, 2, 3, 4"
    ).fetchall()
    assert [tuple(row) for row in counted] == [tuple(row) for row in real]


@pytest.mark.parametrize("status", [None, "failed"])
@pytest.mark.parametrize("kind", [None, "txt2img"])
@pytest.mark.parametrize("hours", [(None, None), (0, 24), (5, 30), (None, 24), (5, None)])
async def test_a_page_reads_no_more_of_a_long_history(
    open_line: OpenLine, status: str | None, kind: str | None, hours: tuple[int | None, int | None]
) -> None:
    database: Database = open_line().database
    after, before = (at(bound) if bound is not None else None for bound in hours)
    filters = JobFilters.model_validate(
        {"status": status, "type": kind, "after": after, "before": before, "limit": 5}
    )

    def explain(db: sqlite3.Connection) -> list[str]:
        asked: list[str] = []
        db.set_trace_callback(asked.append)
        listing.page(db, filters)
        db.set_trace_callback(None)
        return [row["detail"] for one in asked for row in db.execute(f"EXPLAIN QUERY PLAN {one}")]

    plan = await database.read(explain)
    assert not [step for step in plan if "SCAN jobs" in step or "SCAN job_days" in step or "TEMP" in step]
    assert not [
        step for step in plan if "SEARCH jobs" in step and "seq" not in step and hours != (None, None)
    ]
    assert any("SEARCH jobs" in step for step in plan)


def test_the_days_of_a_long_history_are_counted_and_not_its_jobs(db: sqlite3.Connection) -> None:
    add(db, [hour for hour in range(96) for _ in range(20)])
    reads: list[str] = []
    db.set_trace_callback(reads.append)
    page = listing.page(db, JobFilters(limit=1, after=at(0), before=at(72)))
    assert (page.matching, page.has_more) == (72 * 20, True)
    assert not [one for one in reads if "count(*) FROM jobs" in one]
