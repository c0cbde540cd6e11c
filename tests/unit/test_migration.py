"""Databases of all earlier releases are brought up to date with everything in them, or left as they were."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from sdcpp_restapi import migration
from sdcpp_restapi.db import Database
from sdcpp_restapi.errors import StorageUnavailable
from sdcpp_restapi.jobs.queue.listing import JobFilters
from sdcpp_restapi.jobs.queue.store import JobStore
from sdcpp_restapi.jobs.trash.store import TrashStore
from sdcpp_restapi.migration import DatabaseTooNew, list_migrations, newest_version, read_version
from sdcpp_restapi.preferences import Preferences
from sdcpp_restapi.schemas.options import StoredPreviewSettings
from tests.support.old_databases import EARLIER, build_database, id_of

FAILING = (
    "CREATE TABLE half_done (number INTEGER);\nDELETE FROM jobs;\nINSERT INTO no_such_table VALUES (1);\n"
)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Database]:
    database = await Database.open(path)
    try:
        yield database
    finally:
        await database.close()


def dump(path: Path) -> list[str]:
    """Everything in a database but its search index, as SQL."""
    with closing(sqlite3.connect(path)) as db:
        return [*map(repr, db.execute("SELECT * FROM jobs ORDER BY seq")), str(read_version(db))]


def copies(folder: Path) -> set[str]:
    return {file.name for file in folder.glob("*.v*")}


async def page(store: JobStore, **filters: Any) -> set[str]:
    found = await store.page(JobFilters(limit=100, **filters))
    return {job.id for job in found.jobs}


def test_migrations_are_numbered_without_gaps() -> None:
    assert [number for number, _ in list_migrations()] == list(range(1, newest_version() + 1))


@pytest.mark.parametrize("version", EARLIER)
async def test_jobs_of_an_earlier_release_are_listed_searched_counted_and_deleted(
    tmp_path: Path, version: int
) -> None:
    path = tmp_path / "sdcpp.db"
    statuses = build_database(path, version)
    async with opened(path) as database:
        store, trash = JobStore(database), TrashStore(database)
        assert await page(store) == set(statuses)
        assert await page(store, trash=True) == (set() if version < 5 else {id_of(8)})
        assert await page(store, search="red fox") == {
            one for one in statuses if one not in (id_of(6), id_of(7))
        }
        assert await page(store, search=id_of(6)) == {id_of(6)}
        counts = await store.counts()
        assert {status: counts[status] for status in counts if counts[status]} == {
            status: list(statuses.values()).count(status) for status in set(statuses.values())
        }
        job = await store.get(id_of(2))
        assert job is not None
        assert (job.error, job.params.model_dump()["loras"][0]["name"]) == ("the engine said no", "ink")
        preview = await Preferences(database).get("preview", StoredPreviewSettings)
        assert preview is not None
        assert preview.mode == "proj"
        ended = [one for one, status in statuses.items() if status != "pending"]
        assert sorted(await trash.throw_away(ended)) == sorted(ended)
        assert sorted(await trash.mark_purged(ended)) == sorted(ended)
        await trash.forget(ended)
        assert await page(store) == {id_of(4), id_of(7)}
        pending = await store.claim("engine")
        assert pending is not None
        assert pending.id == id_of(4)


@pytest.mark.parametrize("version", EARLIER)
async def test_a_database_that_was_brought_up_to_date_has_the_tables_of_a_new_one(
    tmp_path: Path, version: int
) -> None:
    build_database(tmp_path / "old.db", version)
    tables = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"
    schemas = []
    for name in ("old.db", "new.db"):
        async with opened(tmp_path / name) as database:
            schemas.append(await database.read(lambda db: [tuple(row) for row in db.execute(tables)]))
    assert schemas[0] == schemas[1]


async def test_a_database_of_a_later_release_is_refused_with_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "sdcpp.db"
    async with opened(path) as database:
        later = newest_version() + 1
        await database.write(lambda db: db.execute(f"PRAGMA user_version = {later}").close())
    before = path.read_bytes()
    with pytest.raises(DatabaseTooNew) as refused:
        await Database.open(path)
    assert f"is of version {later}, and this release knows versions up to {newest_version()}:" in str(
        refused.value
    )
    assert path.read_bytes() == before


async def test_a_migration_that_fails_half_way_leaves_the_database_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sdcpp.db"
    statuses = build_database(path, 12)
    before = dump(path)
    scripts = [*list_migrations(), (newest_version() + 1, FAILING)]
    monkeypatch.setattr(migration, "list_migrations", lambda: scripts)
    with pytest.raises(sqlite3.OperationalError, match="no such table: no_such_table"):
        await Database.open(path)
    assert dump(path) == before
    monkeypatch.undo()
    async with opened(path) as database:
        assert await page(JobStore(database)) == set(statuses)


async def test_a_migration_for_which_the_disk_has_no_room_leaves_the_database_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sdcpp.db"
    build_database(path, 12)
    before = dump(path)

    def full(connection: sqlite3.Connection, _path: Path) -> None:
        connection.execute("CREATE TABLE half_done (number INTEGER)")
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        connection.execute("INSERT INTO half_done SELECT randomblob(1000000)")

    monkeypatch.setattr("sdcpp_restapi.db.migrate", full)
    with pytest.raises(StorageUnavailable, match="disk is full"):
        await Database.open(path)
    assert dump(path) == before


async def test_the_database_is_kept_as_it_was_before_it_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "sdcpp.db"
    (tmp_path / "sdcpp.v3.db").write_text("of an earlier upgrade")
    build_database(path, 12)
    before = dump(path)
    async with opened(path):
        pass
    assert dump(tmp_path / "sdcpp.v12.db") == before
    assert copies(tmp_path) == {"sdcpp.v12.db"}
    async with opened(path):
        pass
    assert dump(tmp_path / "sdcpp.v12.db") == before


async def test_a_very_large_database_is_brought_up_to_date_without_a_copy_and_the_log_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(migration, "MOST_COPIED_BYTES", 1000)
    path = tmp_path / "sdcpp.db"
    statuses = build_database(path, 12)
    async with opened(path) as database:
        assert await page(JobStore(database)) == set(statuses)
    assert copies(tmp_path) == set()
    assert "brought up to date without a copy" in caplog.text
