"""Past enhancements, in SQLite."""

import sqlite3

from ..db import Database
from ..schemas.ollama import Enhancement, EnhancementHistory

_FIELDS = "id, original_prompt, enhanced_prompt, model_used, created_at, success, error_message"


class EnhancementStore:
    """The table of past enhancements."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, entry: Enhancement, most: int) -> None:
        """Keep an entry, and no more than `most` in all."""

        def work(db: sqlite3.Connection) -> None:
            db.execute(
                f"INSERT INTO enhancements ({_FIELDS}) VALUES (:id, :original_prompt, :enhanced_prompt,"  # noqa: S608
                " :model_used, :created_at, :success, :error_message)",
                entry.model_dump(),
            )
            _prune(db, most)

        await self._database.write(work)

    async def prune(self, most: int) -> None:
        """Keep no more than the newest `most`."""
        await self._database.write(lambda db: _prune(db, most))

    async def read_page(self, limit: int, offset: int) -> EnhancementHistory:
        """A page of the entries, the newest first."""

        def work(db: sqlite3.Connection) -> EnhancementHistory:
            rows = db.execute(
                "SELECT * FROM enhancements ORDER BY seq DESC LIMIT ? OFFSET ?", (limit, offset)
            ).fetchall()
            return EnhancementHistory(total_count=_count(db), items=[_entry_of(row) for row in rows])

        return await self._database.read(work)

    async def get(self, id: str) -> Enhancement | None:
        """The entry with this id; None if there is none."""
        row = await self._database.read(
            lambda db: db.execute("SELECT * FROM enhancements WHERE id = ?", (id,)).fetchone()
        )
        return _entry_of(row) if row else None

    async def delete(self, id: str) -> bool:
        """Delete one entry; False if there is none."""
        return await self._database.write(
            lambda db: db.execute("DELETE FROM enhancements WHERE id = ?", (id,)).rowcount > 0
        )

    async def clear(self) -> None:
        """Delete all entries."""
        await self._database.write(lambda db: db.execute("DELETE FROM enhancements").rowcount)

    async def count(self) -> int:
        """How many there are."""
        return await self._database.read(_count)


def _prune(db: sqlite3.Connection, most: int) -> None:
    db.execute(
        "DELETE FROM enhancements WHERE seq NOT IN (SELECT seq FROM enhancements ORDER BY seq DESC LIMIT ?)",
        (most,),
    )


def _count(db: sqlite3.Connection) -> int:
    (count,) = db.execute("SELECT count(*) FROM enhancements").fetchone()
    return int(count)


def _entry_of(row: sqlite3.Row) -> Enhancement:
    return Enhancement.model_validate({name: row[name] for name in row.keys() if name != "seq"})  # noqa: SIM118
