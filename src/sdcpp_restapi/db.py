"""The SQLite database: one writer thread, one reader thread, numbered migrations.

WAL with synchronous=FULL: a job for which the server answered 202 survives a power cut. Functions passed to
`write` and `read` run in their thread with its connection; the event loop never waits for the disk.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Self


class Database:
    """Owns both connections. Use `open` and `close`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer_thread = ThreadPoolExecutor(1, "db-writer")
        self._reader_thread = ThreadPoolExecutor(1, "db-reader")
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open (or make) the database and bring its tables up to date."""
        database = cls(path)
        loop = asyncio.get_running_loop()
        database._writer = await loop.run_in_executor(database._writer_thread, _connect, path)
        await database.write(_migrate)
        database._reader = await loop.run_in_executor(database._reader_thread, _connect, path)
        return database

    async def write[T](self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` as one transaction in the writer thread."""
        return await asyncio.get_running_loop().run_in_executor(self._writer_thread, self._transact, work)

    async def read[T](self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in the reader thread."""
        assert self._reader is not None
        return await asyncio.get_running_loop().run_in_executor(self._reader_thread, work, self._reader)

    def _transact[T](self, work: Callable[[sqlite3.Connection], T]) -> T:
        assert self._writer is not None
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            result = work(self._writer)
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise
        return result

    async def close(self) -> None:
        """Finish what is queued, then close."""
        loop = asyncio.get_running_loop()
        for thread, connection in ((self._reader_thread, self._reader), (self._writer_thread, self._writer)):
            if connection is not None:
                await loop.run_in_executor(thread, connection.close)
            thread.shutdown()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA busy_timeout = 5000")
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    (done,) = connection.execute("PRAGMA user_version").fetchone()
    scripts = sorted(
        (entry.name, entry)
        for entry in resources.files(__package__).joinpath("migrations").iterdir()
        if entry.name.endswith(".sql")
    )
    for name, script in scripts:
        number = int(name.split("_")[0])
        if number > done:
            for statement in _statements(script.read_text("utf-8")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")


def _statements(script: str) -> list[str]:
    """The statements of a script one by one: executescript would commit the transaction they belong to."""
    statements, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            statements.append(current)
            current = ""
    return statements
