"""The database: writes that come together are committed together, and each stands or falls alone."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from sdcpp_restapi import db as module
from sdcpp_restapi import migration
from sdcpp_restapi.db import Database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "test.db")
    await opened.write(lambda db: db.execute("CREATE TABLE numbers (number INTEGER UNIQUE)").close())
    yield opened
    await opened.close()


def adding(number: int) -> Callable[[sqlite3.Connection], int]:
    def work(db: sqlite3.Connection) -> int:
        db.execute("INSERT INTO numbers VALUES (?)", (number,))
        return number

    return work


async def numbers(database: Database) -> list[int]:
    return await database.read(lambda db: [row[0] for row in db.execute("SELECT number FROM numbers")])


def seen_from_outside(path: Path) -> int:
    with sqlite3.connect(path) as other:
        (count,) = other.execute("SELECT count(*) FROM numbers").fetchone()
    other.close()
    return int(count)


async def test_a_write_is_in_the_file_when_it_returns(database: Database, tmp_path: Path) -> None:
    assert await database.write(adding(7)) == 7
    assert seen_from_outside(tmp_path / "test.db") == 1


async def test_writes_that_come_at_once_keep_their_order_and_share_commits(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits: list[int] = []

    def counted(db: sqlite3.Connection, works: list[module.Work]) -> list[object]:
        commits.append(len(works))
        return commit(db, works)

    commit = module._commit
    monkeypatch.setattr(module, "_commit", counted)
    assert await asyncio.gather(*(database.write(adding(n)) for n in range(50))) == list(range(50))
    assert await numbers(database) == list(range(50))
    assert commits == [1, 49]


async def test_a_write_that_fails_takes_no_other_with_it(database: Database) -> None:
    def half(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO numbers VALUES (100)")
        db.execute("INSERT INTO numbers VALUES (2)")

    writes = [database.write(adding(n)) for n in (1, 2, 3)]
    results = await asyncio.gather(
        *writes, database.write(half), database.write(adding(4)), return_exceptions=True
    )
    assert results[:3] == [1, 2, 3]
    assert isinstance(results[3], sqlite3.IntegrityError)
    assert results[4] == 4
    assert await numbers(database) == [1, 2, 3, 4]


async def test_a_transaction_that_is_lost_as_a_whole_fails_for_all_and_the_next_one_works(
    database: Database,
) -> None:
    # As SQLite itself does when the disk fails in the middle.
    def lost(db: sqlite3.Connection) -> None:
        db.execute("ROLLBACK")
        raise sqlite3.OperationalError("disk I/O error")

    first = database.write(adding(1))
    results = await asyncio.gather(
        first, database.write(adding(2)), database.write(lost), return_exceptions=True
    )
    assert results[0] == 1
    assert all(isinstance(result, sqlite3.OperationalError) for result in results[1:])
    assert await database.write(adding(3)) == 3
    assert await numbers(database) == [1, 3]


async def test_a_write_whose_client_left_is_still_made(database: Database) -> None:
    task = asyncio.create_task(database.write(adding(1)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await database.write(adding(2))
    assert await numbers(database) == [1, 2]


async def test_closing_waits_for_what_is_queued(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    database = await Database.open(path)
    await database.write(lambda db: db.execute("CREATE TABLE numbers (number INTEGER)").close())
    writes = asyncio.gather(*(database.write(adding(n)) for n in range(20)))
    await asyncio.sleep(0)
    await database.close()
    assert await writes == list(range(20))
    assert seen_from_outside(path) == 20


async def test_the_log_of_the_database_is_written_from_its_beginning_again(
    database: Database, tmp_path: Path
) -> None:
    log = tmp_path / "test.db-wal"
    sizes = []
    for n in range(8 * module.COMMITS_TO_CHECKPOINT):
        await database.write(adding(n))
        await database._keeper.do(lambda db: None)  # a checkpoint is over before the next write begins
        sizes.append(log.stat().st_size)
    assert sizes[-1] == sizes[2 * module.COMMITS_TO_CHECKPOINT]


async def test_jobs_of_an_earlier_release_are_found_counted_and_summed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = migration.list_migrations()
    monkeypatch.setattr(migration, "list_migrations", lambda: [one for one in everything if one[0] < 14])
    old = await Database.open(tmp_path / "old.db")
    await old.write(
        lambda db: db.executemany(
            "INSERT INTO jobs (id, lane, type, created_at, progress, params, model, output_bytes)"
            " VALUES (?, 'engine', 'txt2img', '2024-01-01T00:00:00.000+00:00', '{}', ?, ?, 5)",
            [
                ("one", '{"prompt": "a red fox", "api_key": "hidden"}', '{"model_name": "sd.gguf"}'),
                ("damaged", "no JSON", "no JSON"),
            ],
        ).close()
    )
    await old.close()
    monkeypatch.undo()
    new = await Database.open(tmp_path / "old.db")

    async def ask(statement: str) -> list[tuple[object, ...]]:
        return await new.read(lambda db: [tuple(row) for row in db.execute(statement)])

    assert await ask("SELECT rowid FROM job_texts WHERE job_texts MATCH '\"RED fox\"'") == [(1,)]
    assert await ask("SELECT rowid FROM job_texts WHERE job_texts MATCH '\"damaged\"'") == [(2,)]
    assert await ask("SELECT rowid FROM job_texts WHERE job_texts MATCH '\"hidden\"'") == []
    assert await ask("SELECT model_name, count FROM job_models") == [("sd.gguf", 1)]
    assert await ask("SELECT output_bytes FROM job_sizes WHERE place = 'queue'") == [(10,)]
    await new.close()


async def test_a_read_that_takes_long_does_not_keep_others_waiting(database: Database) -> None:
    going_on = threading.Event()
    slow = asyncio.create_task(database.read(lambda _db: going_on.wait(60)))
    try:
        assert await numbers(database) == []
        assert not slow.done()
    finally:
        going_on.set()
    assert await slow
