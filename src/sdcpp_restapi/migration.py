"""Bringing a database of an earlier release up to date: numbered scripts, and a copy of what was before.

The scripts of the folder migrations run in one transaction: one that fails, or a kill, leaves the database as
it was. PRAGMA user_version is the number of the last script that ran.
"""

import logging
import shutil
import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path

from .errors import SdcppError

log = logging.getLogger(__name__)

# A larger database is brought up to date without a copy of it: a start must not take minutes.
MOST_COPIED_BYTES = 10**9


class DatabaseTooNew(SdcppError):
    """A later release wrote the database"""


def read_version(connection: sqlite3.Connection) -> int:
    """The number of the last migration that the database went through; 0 for a new one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def newest_version() -> int:
    """The version that this release makes of every database."""
    return list_migrations()[-1][0]


def refuse_newer(version: int, path: Path) -> None:
    """Raises DatabaseTooNew for the version of a database that a later release wrote."""
    newest = newest_version()
    if version > newest:
        raise DatabaseTooNew(
            f"The database {path} is of version {version}, and this release knows versions up to {newest}:"
            " start the release that it belongs to, or name another data directory with --data-dir"
        )


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Run the scripts that the database has not gone through, in the transaction of the caller.

    Raises DatabaseTooNew; `path` is only named.
    """
    refuse_newer(read_version(connection), path)
    run_migrations(connection, newest_version())


def keep_copy_before_migrating(connection: sqlite3.Connection, path: Path) -> None:
    """Keep a database that migrations are about to change: as `sdcpp.v13.db`, in place of older copies.

    Outside of a transaction. Without room for a copy, or when the database is very large, the log says so.
    """
    done = read_version(connection)
    if not 0 < done < newest_version():
        return
    target = path.with_name(f"{path.stem}.v{done}{path.suffix}")
    (pages,), (page_size,) = (
        connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size")
    )
    size = pages * page_size
    unfinished = target.with_name(f"{target.name}.tmp")
    try:
        if size > min(MOST_COPIED_BYTES, shutil.disk_usage(path.parent).free // 2):
            raise OSError(f"it has {size} bytes, and the copy would take too long or too much room")
        unfinished.unlink(missing_ok=True)
        with closing(sqlite3.connect(unfinished)) as copy:
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
        unfinished.chmod(0o600)
        for earlier in path.parent.glob(f"{path.stem}.v*{path.suffix}"):
            earlier.unlink()
        unfinished.replace(target)
    except (OSError, sqlite3.Error) as error:
        unfinished.unlink(missing_ok=True)
        log.warning("the database of version %d is brought up to date without a copy of it: %s", done, error)
    else:
        log.info("the database of version %d is kept as %s, and brought up to date", done, target)


def list_migrations() -> list[tuple[int, str]]:
    """The scripts of the folder migrations with their numbers, in order."""
    folder = resources.files(__package__).joinpath("migrations")
    names = [entry.name for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return sorted((int(name.split("_")[0]), folder.joinpath(name).read_text("utf-8")) for name in names)


def run_migrations(connection: sqlite3.Connection, last: int) -> None:
    """Run the scripts up to `last` that the database has not gone through."""
    done = read_version(connection)
    for number, script in list_migrations():
        if done < number <= last:
            for statement in _split_statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")


def _split_statements(script: str) -> list[str]:
    """The statements of a script one by one: executescript would commit the transaction they belong to."""
    statements, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            statements.append(current)
            current = ""
    return statements
