"""Pages by period, text, model and cursor: right, and found without reading the history."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdcpp_restapi.db import Database
from sdcpp_restapi.jobs.queue import listing
from sdcpp_restapi.jobs.queue.listing import JobFilters
from sdcpp_restapi.jobs.queue.rows import to_text
from sdcpp_restapi.migration import migrate
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
        migrate(connection, Path("memory"))
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


TEXTS = st.text(alphabet='abAé "%_\\\n', max_size=6)


def describe(prompt: str, model: str | None = None, **more: object) -> tuple[str, str | None]:
    """The params and the model of a row."""
    return json.dumps({"prompt": prompt, **more}), json.dumps({"model_name": model}) if model else None


def add_described(db: sqlite3.Connection, rows: Iterable[tuple[str, str | None]]) -> None:
    db.executemany(
        "INSERT INTO jobs (id, lane, type, status, created_at, progress, params, model)"
        " VALUES (?, 'engine', 'txt2img', 'completed', ?, '{}', ?, ?)",
        [(f"job {number}", to_text(START), *row) for number, row in enumerate(rows)],
    )


def names(page: listing.JobPage) -> list[str]:
    return [job.id for job in page.jobs]


@settings(max_examples=300, deadline=None)
@given(prompts=st.lists(TEXTS, max_size=8), search=TEXTS.filter(bool), ascending=st.booleans())
def test_a_search_finds_the_jobs_that_hold_its_text_and_no_others(
    prompts: list[str], search: str, ascending: bool
) -> None:
    with opened() as db:
        add_described(db, map(describe, prompts))
        page = listing.page(db, JobFilters(search=search, limit=20, ascending=ascending))
    # Short texts tell case apart where it is not that of ASCII: here the only such letter is small.
    texts = [f"job {number}\n{prompt}".lower() for number, prompt in enumerate(prompts)]
    expected = [f"job {number}" for number, text in enumerate(texts) if search.lower() in text]
    assert names(page) == (expected if ascending else expected[::-1])
    assert page.matching == len(expected)


def test_search_knows_texts_and_seeds_but_no_secrets_and_no_names_of_fields(db: sqlite3.Connection) -> None:
    address = "https://site.example/file.bin?token=hidden-in-address"
    secret = {"site_token": "hidden-token", "my_secret": "hidden-secret", "api_key": "hidden-key"}
    add_described(db, [describe("A CAT", "Flux-Dev.gguf", seed=1234567, url=address, **secret)])
    db.execute("UPDATE jobs SET id = 'first'")
    add_described(db, [describe("", url="https://name:hidden-login@site.example/x")])

    def found(search: str) -> int:
        return len(listing.page(db, JobFilters(search=search, limit=9)).jobs)

    assert [found(text) for text in ("a cat", "flux-dev", "1234567", "site.example/file")] == [1, 1, 1, 1]
    assert [found(text) for text in ("hidden", "prompt", "webhook")] == [0, 0, 0]


def test_short_searches_look_at_the_newest_jobs_and_say_so(db: sqlite3.Connection) -> None:
    add_described(db, [describe("zz"), *(describe("other") for _ in range(10_000))])
    page = listing.page(db, JobFilters(search="zz", limit=5))
    assert (page.jobs, page.matching) == ([], 0)
    assert page.warnings == [
        "search: a text of fewer than 3 characters is looked for in the newest 10,000 jobs only"
    ]
    page = listing.page(db, JobFilters(search="ot", limit=5))
    assert (len(page.jobs), page.matching, page.has_more) == (5, 10_000, True)


def test_matches_are_counted_to_a_bound_that_is_told(db: sqlite3.Connection) -> None:
    add_described(db, (describe("other") for _ in range(10_001)))
    page = listing.page(db, JobFilters(search="other", limit=5))
    assert (page.matching, page.warnings) == (
        10_000,
        ["more than 10,000 jobs match; matching_count stops there"],
    )


@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("search", [None, "kept"])
def test_pages_by_cursor_are_the_pages_by_offset(
    db: sqlite3.Connection, ascending: bool, search: str | None
) -> None:
    add_described(db, [describe("kept" if number % 3 else "left") for number in range(20)])
    filters = JobFilters(search=search, limit=4, ascending=ascending)
    by_offset, by_cursor, cursor = [], [], None
    for number in range(6):
        by_offset += names(listing.page(db, filters.model_copy(update={"offset": 4 * number})))
        page = listing.page(db, filters.model_copy(update={"cursor": cursor}))
        by_cursor += names(page)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert by_cursor == by_offset
    assert page.matching == (13 if search else None)


def test_counts_by_model_and_sums_of_sizes_follow_whatever_becomes_of_jobs(db: sqlite3.Connection) -> None:
    add_described(db, [describe("", model) for model in ("a", "a", "b", None, "a")])
    db.execute("UPDATE jobs SET output_bytes = 10 * seq, input_bytes = 1")
    db.execute("UPDATE jobs SET place = 'trash' WHERE seq IN (1, 3)")
    db.execute("UPDATE jobs SET output_bytes = 7 WHERE seq = 3")
    db.execute("UPDATE jobs SET place = 'gone' WHERE seq = 2")
    db.execute("DELETE FROM jobs WHERE seq = 2")
    for kept, real in (
        (
            "SELECT place, model_name, count FROM job_models WHERE count > 0 ORDER BY 1, 2",
            "SELECT place, model_name, count(*) FROM jobs"
            " WHERE model_name NOTNULL GROUP BY 1, 2 ORDER BY 1, 2",
        ),
        (
            "SELECT place, output_bytes, input_bytes FROM job_sizes WHERE output_bytes > 0 ORDER BY 1",
            "SELECT place, sum(output_bytes), sum(input_bytes) FROM jobs GROUP BY place ORDER BY 1",
        ),
    ):
        assert [tuple(row) for row in db.execute(kept)] == [tuple(row) for row in db.execute(real)]
    assert names(listing.page(db, JobFilters(model="a", limit=9))) == ["job 4"]
    assert listing.page(db, JobFilters(model="a", trash=True, limit=9)).matching == 1


@pytest.mark.parametrize(
    "filters",
    [
        {"model": "a"},
        {"model": "a", "status": "completed", "type": "txt2img"},
        {"model": "a", "trash": True},
        {"search": "some text"},
        {"search": "some text", "model": "a", "status": "failed"},
        {"cursor": 500},
        {"cursor": 500, "status": "failed"},
        {"cursor": 500, "search": "some text"},
    ],
    ids=str,
)
def test_a_filter_reads_no_more_than_it_shows_of_a_long_history(
    db: sqlite3.Connection, filters: dict[str, object]
) -> None:
    asked: list[str] = []
    db.set_trace_callback(asked.append)
    listing.page(db, JobFilters.model_validate({**filters, "limit": 5}))
    db.set_trace_callback(None)
    plans = [row["detail"] for one in asked if "SELECT" in one[:8] for row in explain(db, one)]
    assert not [step for step in plans if "SCAN jobs" in step or "TEMP" in step]


def explain(db: sqlite3.Connection, statement: str) -> list[sqlite3.Row]:
    # What FTS5 asks its own tables is its affair.
    return [] if "job_texts_" in statement else db.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
