"""Who is next: priorities, rounds of clients, slots that hold a model and slots that can't run everything."""

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdcpp_restapi import migration
from sdcpp_restapi.db import Database
from sdcpp_restapi.jobs.queue import rows
from sdcpp_restapi.jobs.queue.listing import JobFilters
from sdcpp_restapi.jobs.queue.ordering import OrderingRules
from sdcpp_restapi.requester import REQUESTER, Requester
from sdcpp_restapi.schemas.jobs import JobStatus, Outcome
from sdcpp_restapi.schemas.required_files import RequiredFile, RequiredFiles

from .conftest import Line, OpenLine

START = datetime(2030, 1, 1, tzinfo=UTC)


class Clock:
    """The time of the queue, which stands still unless it is set."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> str:
        """Now, as it is stored."""
        return rows.to_text(START + timedelta(seconds=self.seconds))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rows, "now", clock)
    return clock


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


# ------------------------------------------------------------------ order


async def test_the_order_is_priority_then_submission(open_line: OpenLine) -> None:
    line = open_line()
    for number, priority in enumerate([0, -5, 7, 0, 7, -5]):
        await line.add(f"{number}", priority=priority)
    assert await line.claim_all() == ["2", "4", "0", "3", "1", "5"]


async def test_a_job_that_was_given_back_is_next_again(open_line: OpenLine) -> None:
    line = open_line(turns_of="client")
    for name in ("a1", "a2", "b1"):
        await line.add(name, client_id=name[0])
    job = await line.store.claim("engine")
    assert job is not None
    await line.store.requeue(job)
    assert await line.claim_all() == ["a1", "b1", "a2"]


async def test_clients_take_turns_within_a_priority(open_line: OpenLine) -> None:
    line = open_line(turns_of="client")
    for name in ("a1", "a2", "a3", "b1", "b2", "c1"):
        await line.add(name, client_id=name[0])
    await line.add("urgent", client_id="a", priority=1)
    assert [await line.claim() for _ in range(3)] == ["urgent", "a1", "b1"]
    for name in ("d1", "b3", "d2"):
        await line.add(name, client_id=name[0])
    assert await line.claim_all() == ["c1", "d1", "a2", "b2", "d2", "a3", "b3"]


async def test_who_comes_late_does_not_catch_up_on_turns_that_were_missed(open_line: OpenLine) -> None:
    line = open_line(turns_of="client")
    for number in range(6):
        await line.add(f"a{number}", client_id="a")
    assert [await line.claim() for _ in range(3)] == ["a0", "a1", "a2"]
    for number in range(3):
        await line.add(f"b{number}", client_id="b")
    assert await line.claim_all() == ["b0", "a3", "b1", "a4", "b2", "a5"]


async def test_clients_that_always_send_another_job_keep_nobody_waiting(open_line: OpenLine) -> None:
    line = open_line(turns_of="client")
    for name in ("a", "b", "patient", "patient"):
        await line.add(name, client_id=name)
    served = []
    for _ in range(6):
        served.append(await line.claim())
        if served[-1] != "patient":
            await line.add(served[-1], client_id=served[-1])
    assert served == ["a", "b", "patient", "patient", "a", "b"]


async def test_jobs_that_were_cancelled_count_as_no_turn(open_line: OpenLine) -> None:
    line = open_line(turns_of="client")
    for job_id in [await line.add(f"a{number}", client_id="a") for number in range(5)]:
        await line.store.cancel(job_id)
    for name in ("b1", "b2", "a5", "a6"):
        await line.add(name, client_id=name[0])
    assert await line.claim_all() == ["b1", "a5", "b2", "a6"]


async def test_a_start_brings_waiting_jobs_to_the_order_that_is_set_now(open_line: OpenLine) -> None:
    names = ["a1", "a2", "b1", "a3"]
    line = open_line()
    for name in names:
        await line.add(name, client_id=name[0])
    line = open_line(turns_of="client")
    await line.store.recover()
    assert await line.claim() == "a1"
    await line.store.recover()  # of a kill: what ran is pending again
    line = open_line()
    await line.store.recover()
    assert await line.claim_all() == names


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(-1, 1)) | st.none(), max_size=20))
async def test_no_client_waits_while_another_has_two_turns(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int] | None]
) -> None:
    """Steps are jobs that are submitted and, for None, jobs that are claimed."""
    database = await Database.open(tmp_path_factory.mktemp("line") / "test.db")
    line = Line(database, OrderingRules(turns_of="client"))
    waiting: list[str] = []  # client, priority and number of each job
    served: Counter[tuple[str, str]] = Counter()  # (who waits, who was served meanwhile) -> how often
    for number, step in enumerate([*steps, *[None] * len(steps)]):
        if step is not None:
            client, priority = step
            waiting.append(f"{client}{priority:+}.{number}")
            await line.add(waiting[-1], client_id=client, priority=priority)
        elif waiting:
            name = await line.claim()
            waiting.remove(name)
            client, priority = name[0], int(name[1:3])
            assert priority == max([priority, *(int(other[1:3]) for other in waiting)])
            equals = {other[0] for other in waiting if int(other[1:3]) == priority} - {client}
            served = Counter({pair: n for pair, n in served.items() if pair[0] != client})
            served.update((other, client) for other in equals)
            # Between two turns of who waits, each other client has at most the two that its rounds allow.
            assert max(served.values(), default=0) <= 2
    await database.close()


async def test_users_take_turns_whatever_client_they_name(open_line: OpenLine) -> None:
    line = open_line(turns_of="user")
    for user, names in (("anna", ["a1", "a2"]), ("bert", ["b1"]), ("", ["n1", "n2"])):
        token = REQUESTER.set(Requester("generate", user=user, sees=user))
        for name in names:
            await line.add(name, client_id=name)
        REQUESTER.reset(token)
    assert await line.claim_all() == ["a1", "b1", "n1", "a2", "n2"]


async def test_jobs_that_wait_take_turns_by_the_setting_of_the_new_start(open_line: OpenLine) -> None:
    line = open_line(turns_of="client")
    token = REQUESTER.set(Requester("generate", user="anna", sees="anna"))
    for name in ("a1", "a2", "a3"):
        await line.add(name, client_id=name)
    REQUESTER.reset(token)
    await line.add("n1", client_id="a1")
    for turns_of, expected in (("user", ["a1", "n1", "a2", "a3"]), ("client", ["a1", "a2", "a3", "n1"])):
        renewed = open_line(turns_of=turns_of)
        await renewed.store.recover()
        with closing(sqlite3.connect(renewed.database._path)) as db:
            order = "SELECT json_extract(params, '$.prompt') FROM jobs ORDER BY priority DESC, round, seq"
            assert [name for (name,) in db.execute(order)] == expected


# ------------------------------------------------------------------ moments


async def test_a_held_job_stands_in_line_where_it_was_submitted_once_its_moment_has_come(
    open_line: OpenLine, clock: Clock
) -> None:
    line = open_line()
    await line.add("late", not_before=at(10))
    for name in ("a", "b"):
        await line.add(name)
    assert await line.store.find_next_due("engine") == START + timedelta(seconds=10)
    assert await line.claim() == "a"
    clock.seconds = 10
    assert await line.claim_all() == ["late", "b"]
    assert await line.store.find_next_due("engine") is None


async def test_held_jobs_take_the_turns_of_the_time_when_they_are_due(
    open_line: OpenLine, clock: Clock
) -> None:
    line = open_line(turns_of="client")
    for number in range(3):
        await line.add(f"held{number}", client_id="a", not_before=at(10))
    for number in range(4):
        await line.add(f"b{number}", client_id="b")
    assert [await line.claim() for _ in range(2)] == ["b0", "b1"]
    clock.seconds = 10
    assert await line.claim_all() == ["held0", "held1", "b2", "held2", "b3"]


async def test_positions_count_what_goes_before_and_held_jobs_come_last(
    open_line: OpenLine, clock: Clock
) -> None:
    line = open_line(turns_of="client")
    ids = [
        await line.add("held", client_id="a", not_before=at(20), priority=9),
        await line.add("held less", client_id="a", not_before=at(10)),
        *[await line.add(name, client_id=name[0]) for name in ("a1", "a2", "b1", "b2", "c1")],
        await line.add("low", priority=-1),
        await line.add("high", priority=1),
    ]

    async def positions() -> list[int | None]:
        jobs = [await line.store.get(job_id) for job_id in ids]
        return [
            await line.store.position(job) if job and job.status is JobStatus.PENDING else None
            for job in jobs
        ]

    assert await positions() == [9, 8, 2, 5, 3, 6, 4, 7, 1]
    assert [await line.claim() for _ in range(2)] == ["high", "a1"]
    await line.store.cancel(ids[4])
    assert await positions() == [6, 5, None, 2, None, 3, 1, 4, None]
    clock.seconds = 20
    assert await line.claim() == "held"
    assert await positions() == [None, 4, None, 2, None, 3, 1, 5, None]


# ------------------------------------------------------------------ slots


async def test_a_slot_prefers_what_it_holds_until_the_head_has_waited_for_that_long_enough(
    open_line: OpenLine, clock: Clock
) -> None:
    line = open_line(patience=30)
    for name in ("b1", "a1", "b2", "a2", "a3"):
        await line.add(name, f"{name[0]}.gguf")
    clock.seconds = 100  # in line for long, but never passed over yet
    assert await line.claim("a.gguf") == "a1"
    clock.seconds = 129
    assert await line.claim("a.gguf") == "a2"
    clock.seconds = 130
    assert await line.claim("a.gguf") == "b1"
    assert await line.claim("b.gguf") == "b2"
    assert await line.claim("b.gguf") == "a3"


async def test_without_patience_a_slot_takes_the_head(open_line: OpenLine) -> None:
    line = open_line()
    for name in ("b1", "a1"):
        await line.add(name, f"{name[0]}.gguf")
    assert await line.claim("a.gguf") == "b1"


async def test_a_slot_passes_over_neither_a_higher_priority_nor_a_job_without_a_model(
    open_line: OpenLine,
) -> None:
    line = open_line(patience=30)
    await line.add("a", "a.gguf")
    await line.add("b", "b.gguf", priority=1)
    await line.add("none", priority=1)
    assert [await line.claim("a.gguf") for _ in range(3)] == ["b", "none", "a"]


async def test_a_slot_that_holds_nothing_or_something_else_takes_the_head(open_line: OpenLine) -> None:
    line = open_line(patience=30)
    for name in ("b1", "a1", "b2", "a2"):
        await line.add(name, f"{name[0]}.gguf")
    assert await line.claim("a.gguf") == "a1"
    assert await line.claim() == "b1"
    assert await line.claim("c.gguf") == "b2"


async def test_a_clock_that_was_set_back_lets_nobody_pass(open_line: OpenLine, clock: Clock) -> None:
    line = open_line(patience=30)
    for name in ("b1", "a1", "a2"):
        await line.add(name, f"{name[0]}.gguf")
    clock.seconds = 100
    assert await line.claim("a.gguf") == "a1"
    clock.seconds = 50
    assert await line.claim("a.gguf") == "b1"


async def test_a_slot_gets_only_what_it_can_run(open_line: OpenLine) -> None:
    line = open_line()
    for name in ("b1", "c lora", "c1", "a1"):
        await line.add(name, f"{name[0]}.gguf", needs=needs(name[0], "lora" in name))
    able = [needs("a").model_dump_json(), needs("c").model_dump_json()]
    assert [await line.claim(able=able) for _ in range(3)] == ["c1", "a1", ""]
    assert await line.claim_all() == ["b1", "c lora"]


async def test_what_waiting_jobs_need_is_told_once(open_line: OpenLine) -> None:
    line = open_line()
    for name in ("a", "b", "a", "b"):
        await line.add(name, f"{name}.gguf", needs=needs(name))
    expected = [needs("a").model_dump_json(), needs("b").model_dump_json()]
    assert await line.store.list_waiting_files("engine") == expected
    assert await line.store.list_waiting_files("hash") == []


def needs(name: str, lora: bool = False) -> RequiredFiles:
    files = [
        RequiredFile(kinds=("checkpoint",), name=name),
        *([RequiredFile(kinds=("lora",), name="x")] if lora else []),
    ]
    return RequiredFiles(files=tuple(files))


# ------------------------------------------------------------------ scale


async def test_no_statement_of_the_line_reads_or_sorts_the_whole_table(open_line: OpenLine) -> None:
    from sdcpp_restapi.jobs.queue import ordering as module

    values = dict.fromkeys(["lane", "model_key", "able", "seq", "now", "in_turns", "id"])
    names = (
        "head",
        "models",
        "first_of_model",
        "needs",
        "due",
        "next_due",
        "join_line",
        "have_turn",
        "end_rounds",
        "position",
    )
    statements = {name: f"EXPLAIN QUERY PLAN {getattr(module._sql, name).sql}" for name in names}
    database = open_line().database

    async def plan_of(statement: str) -> list[str]:
        return await database.read(lambda db: [row["detail"] for row in db.execute(statement, values)])

    for name, statement in statements.items():
        plan = await plan_of(statement)
        assert not [step for step in plan if step.startswith("SCAN jobs") or "TEMP B-TREE" in step], name


async def test_counts_of_any_filter_are_those_of_the_jobs(open_line: OpenLine) -> None:
    line = open_line()
    ids = [await line.add("x") for _ in range(5)]
    await line.store.cancel(ids[4])
    job = await line.store.claim("engine")
    assert job is not None
    await line.store.finish(job, JobStatus.COMPLETED, job.progress, Outcome(), None)

    async def matching(**filters: object) -> tuple[int | None, int]:
        page = await line.store.page(JobFilters.model_validate({"limit": 10, **filters}))
        return page.matching, len(page.jobs)

    assert await matching(status="pending") == (3, 3)
    assert await matching(status="pending", type="txt2img") == (3, 3)
    assert await matching(type="txt2img") == (5, 5)
    assert await matching(type="txt2vid") == (0, 0)
    assert await matching(trash=True) == (0, 0)
    await line.database.write(lambda db: db.execute("UPDATE jobs SET place = 'trash' WHERE seq = 1").close())
    assert await matching(type="txt2img", trash=True) == (1, 1)
    assert await line.store.counts() == {
        JobStatus.PENDING: 3, JobStatus.COMPLETED: 0, JobStatus.CANCELLED: 1, JobStatus.PROCESSING: 0,
    }  # fmt: skip


async def test_a_database_of_before_keeps_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = migration.list_migrations()
    monkeypatch.setattr(migration, "list_migrations", lambda: everything[:8])
    old = await Database.open(tmp_path / "test.db")
    await old.write(
        lambda db: db.executemany(
            "INSERT INTO jobs (id, status, lane, type, created_at, params, progress)"
            " VALUES (?, ?, 'engine', 'txt2img', '2024-01-01T00:00:00.000Z', '{\"prompt\": \"old\"}', '{}')",
            [("one", "pending"), ("two", "cancelled"), ("three", "pending")],
        ).close()
    )
    await old.close()
    monkeypatch.undo()
    new = await Database.open(tmp_path / "test.db")
    line = Line(new, OrderingRules())
    await line.store.recover()
    assert await line.store.counts() == {JobStatus.PENDING: 2, JobStatus.CANCELLED: 1}
    last = await line.store.get("three")
    assert last is not None
    assert await line.store.position(last) == 2
    assert await line.claim_all() == ["old", "old"]
    day = JobFilters(
        limit=10, after=datetime(2024, 1, 1, tzinfo=UTC), before=datetime(2024, 1, 2, tzinfo=UTC)
    )
    page = await line.store.page(day)
    assert ([job.id for job in page.jobs], page.matching) == (["three", "two", "one"], 3)
    await new.close()
