"""The database as a file: read beside a running server, and copied as it is at one moment."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ..errors import StorageUnavailable
from ..migration import newest_version, read_version, refuse_newer
from .progress import Tell

NAME = "sdcpp.db"
# Pages of 4 KB between two looks at the progress.
PAGES_AT_ONCE = 2000
# Values in one statement: SQLite takes more, but not in every build.
MOST_VALUES = 500


@contextmanager
def open_for_reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that sees the database as it is at its first statement, and changes nothing.

    Raises StorageUnavailable when there is no database, or none that can be read.
    """
    if not path.is_file():
        raise StorageUnavailable(f"There is no database {path}")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            db.isolation_level = None
            db.text_factory = lambda text: text.decode(errors="replace")
            db.execute("PRAGMA busy_timeout = 5000")
            db.execute("BEGIN")
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            yield db
    except sqlite3.DatabaseError as error:
        raise StorageUnavailable(f"The database {path} cannot be read: {error}") from error


def copy_database(source: Path, target: Path, tell: Tell) -> None:
    """Copy the database as it is now into a single file; writers go on meanwhile.

    The pages are copied inside of one read transaction: without it SQLite would begin anew after each write
    of another process (https://www.sqlite.org/backup.html). Raises StorageUnavailable, also for a damaged
    database.
    """
    with open_for_reading(source) as live, closing(sqlite3.connect(target)) as copy:

        def progress(_status: int, left: int, total: int) -> None:
            tell("copying the database", total - left, total)

        live.backup(copy, pages=PAGES_AT_ONCE, progress=progress)
        copy.execute("PRAGMA journal_mode = DELETE")
        problems = [str(row[0]) for row in copy.execute("PRAGMA quick_check(3)")]
        if problems != ["ok"]:
            raise StorageUnavailable(
                f"The database {source} is damaged ({'; '.join(problems)}): `sdcpp check` tells more"
            )


def forgive_running(path: Path) -> None:
    """Jobs that ran while the copy was made begin again, and no unclean stop is counted for it."""
    with closing(sqlite3.connect(path)) as db, db:
        # The start of the server counts one for each.
        db.execute("UPDATE jobs SET unclean = unclean - 1 WHERE status = 'processing'")


def check_version(db: sqlite3.Connection, path: Path) -> None:
    """Raises StorageUnavailable and DatabaseTooNew for a database of another version."""
    version, newest = read_version(db), newest_version()
    if version < newest:
        raise StorageUnavailable(
            f"The database {path} is of version {version}, and this release works with version {newest}:"
            " start the server once, which brings it up to date"
        )
    refuse_newer(version, path)


def find_purged(path: Path, job_ids: Iterable[str]) -> list[str]:
    """Those that the database at `path` has no more, or of which the files are being deleted."""
    wanted = list(job_ids)
    with open_for_reading(path) as db:
        kept: set[str] = set()
        for start in range(0, len(wanted), MOST_VALUES):
            some = wanted[start : start + MOST_VALUES]
            marks = ", ".join("?" * len(some))
            rows = db.execute(f"SELECT id FROM jobs WHERE place <> 'gone' AND id IN ({marks})", some)  # noqa: S608
            kept.update(row["id"] for row in rows)
    return [job_id for job_id in wanted if job_id not in kept]


def mark_gone(path: Path, job_ids: Iterable[str]) -> None:
    """Give jobs the place from which the next start of a server deletes them."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN")
        db.executemany("UPDATE jobs SET place = 'gone' WHERE id = ?", ((job_id,) for job_id in job_ids))
        db.execute("COMMIT")
