"""The SQLite database: one writer thread, some reader threads; opening it brings its tables up to date.

WAL with synchronous=FULL: a job for which the server answered 202 survives a power cut. Functions passed to
`write` and `read` run in their thread with its connection; the event loop never waits for the disk. Writes
that come while another one is on its way to the disk wait for it, and then go there by one commit.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self

from .errors import DiskFull, StorageUnavailable
from .migration import keep_copy_before_migrating, migrate

log = logging.getLogger(__name__)

# SQLite would make its checkpoints inside a commit, about as often as this: whoever waits for that commit
# would wait for a megabyte of pages and two more syncs.
COMMITS_TO_CHECKPOINT = 100
# A page of the history that takes long must not keep others waiting.
READERS = 3
# While writes follow each other without a pause, the log can't start anew: SQLite sees to it at 40 MB.
MOST_LOG_PAGES = 10_000


Work = Callable[[sqlite3.Connection], Any]


class Database:
    """Owns all connections. Use `open` and `close`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = _ConnectionThread("db-writer")
        self._readers = [_ConnectionThread(f"db-reader-{number}") for number in range(READERS)]
        self._keeper = _ConnectionThread("db-keeper")
        self._waiting: list[tuple[Work, asyncio.Future[Any]]] = []
        self._writing: asyncio.Future[list[Any]] | None = None
        self._commits = 0

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open (or make) the database and bring its tables up to date.

        Raises DatabaseTooNew, DiskFull and StorageUnavailable; then the database is as it was.
        """
        database = cls(path)
        try:
            with _explain_errors(path):
                await database._open()
        except BaseException:
            await database.close()
            raise
        return database

    async def _open(self) -> None:
        await self._writer.open(self._path)
        await self._writer.do(lambda connection: keep_copy_before_migrating(connection, self._path))
        await self.write(lambda connection: migrate(connection, self._path))
        for thread in (*self._readers, self._keeper):
            await thread.open(self._path)

    async def write[T](self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in the writer thread, all of it or nothing; it is on the disk when this returns.

        Raises DiskFull and StorageUnavailable when the disk or another program keeps it from being written.
        Then nothing was written, as far as SQLite can tell.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, done))
        if self._writing is None:
            self._begin()
        with _explain_errors(self._path):
            return await done

    async def write_cache(self, what: str, work: Callable[[sqlite3.Connection], Any]) -> None:
        """`write` for what can be found out again: a disk that does not take it is told in the log only."""
        try:
            await self.write(work)
        except StorageUnavailable as error:
            log.warning("%s could not be remembered: %s", what, error)

    async def read[T](self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in the reader thread that has least to do. Raises StorageUnavailable."""
        reader = min(self._readers, key=lambda one: one.waiting)
        with _explain_errors(self._path):
            return await reader.do(work)

    async def close(self) -> None:
        """Finish what is queued, then close."""
        while self._writing is not None:
            await asyncio.wait({self._writing})
        for thread in (self._keeper, *self._readers, self._writer):
            await thread.close()

    def _begin(self) -> None:
        together, self._waiting = self._waiting, []
        works = [work for work, _ in together]
        self._writing = self._writer.do(lambda db: _commit(db, works))
        self._writing.add_done_callback(partial(self._deliver, [done for _, done in together]))

    def _deliver(self, waiting: list[asyncio.Future[Any]], written: asyncio.Future[list[Any]]) -> None:
        failure = written.exception()
        results = [failure] * len(waiting) if failure else written.result()
        for done, result in zip(waiting, results, strict=True):
            if done.cancelled():
                continue  # who asked is gone; what was written stays
            if isinstance(result, BaseException):
                done.set_exception(result)
            else:
                done.set_result(result)
        self._writing = None
        if self._waiting:
            self._begin()
        self._commits += 1
        if self._commits % COMMITS_TO_CHECKPOINT == 0:
            self._keeper.do(_checkpoint)


class _ConnectionThread:
    """A connection and the only thread that uses it."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, name)
        self._connection: sqlite3.Connection | None = None
        self.waiting = 0

    async def open(self, path: Path) -> None:
        loop = asyncio.get_running_loop()
        self._connection = await loop.run_in_executor(self._thread, _connect, path)

    def do[T](self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        assert self._connection is not None
        self.waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._thread, work, self._connection)
        future.add_done_callback(self._count_done)
        return future

    def _count_done(self, _done: asyncio.Future[Any]) -> None:
        self.waiting -= 1

    async def close(self) -> None:
        if self._connection is not None:
            await self.do(sqlite3.Connection.close)
        self._thread.shutdown()


# SQLite's primary result codes (https://www.sqlite.org/rescode.html) for what is no fault of a statement.
_REASONS = {
    sqlite3.SQLITE_BUSY: "another program holds it locked",
    sqlite3.SQLITE_LOCKED: "another connection holds it locked",
    sqlite3.SQLITE_IOERR: "the disk does not read or write it",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_READONLY: "it cannot be written",
    sqlite3.SQLITE_CORRUPT: "it is damaged",
    sqlite3.SQLITE_NOTADB: "it is no SQLite database",
    sqlite3.SQLITE_PERM: "access is denied",
    sqlite3.SQLITE_NOMEM: "memory is short",
}


@contextmanager
def _explain_errors(path: Path) -> Iterator[None]:
    """Turn what the disk or another program did into an error for clients; bugs stay as they are."""
    try:
        yield
    except sqlite3.Error as error:
        code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise DiskFull(f"The disk is full: {path.parent} has no room for the queue") from error
        if code in _REASONS:
            raise StorageUnavailable(f"The queue's database {path}: {_REASONS[code]} ({error})") from error
        raise


def _commit(db: sqlite3.Connection, works: list[Work]) -> list[Any]:
    """One transaction of several writes: the result of each, or the exception that undid it alone."""
    db.execute("BEGIN IMMEDIATE")
    try:
        results = [_attempt(db, work) for work in works]
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return results


def _attempt(db: sqlite3.Connection, work: Work) -> Any:
    db.execute("SAVEPOINT one")
    try:
        result = work(db)
    except Exception as error:
        if not db.in_transaction:
            raise  # after some failures, such as a full disk, SQLite gives up the whole transaction
        db.execute("ROLLBACK TO one")
        result = error
    db.execute("RELEASE one")
    return result


def _checkpoint(db: sqlite3.Connection) -> None:
    """Bring what was committed from the log into the database file; writers go on meanwhile."""
    try:
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")
    except sqlite3.Error as error:
        log.warning("no checkpoint of the database: %s", error)  # the log grows until one succeeds


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    # One damaged text must not keep a whole page from being read.
    connection.text_factory = lambda text: text.decode(errors="replace")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    # What is deleted, such as a key, is overwritten where that costs no page more.
    connection.execute("PRAGMA secure_delete = FAST")
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute(f"PRAGMA wal_autocheckpoint = {MOST_LOG_PAGES}")
    return connection
