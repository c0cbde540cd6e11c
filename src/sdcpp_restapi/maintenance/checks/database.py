"""SQLite's own checks of the database: its pages and indexes, references between rows, the search index."""

import sqlite3
from collections.abc import Iterator
from functools import partial

from .problem import CheckedData, Problem

_MOST = 5


def check_pages(data: CheckedData) -> Iterator[Problem]:
    """Damage of the file itself; after it nothing else can be relied on."""
    try:
        rows = [str(row[0]) for row in data.db.execute(f"PRAGMA integrity_check({_MOST})")]
    except sqlite3.DatabaseError as error:
        rows = [str(error)]
    if rows == ["ok"]:
        return
    # Wrong entries of an index are made anew from the rows; pages are not.
    only_indexes = all("index" in row for row in rows)
    yield Problem(
        "database",
        f"it is damaged: {'; '.join(rows)}",
        "the indexes are made anew" if only_indexes else "bring back a backup with `sdcpp restore`",
        partial(_execute, data, "REINDEX") if only_indexes else None,
    )


def check_references(data: CheckedData) -> Iterator[Problem]:
    """Rows that refer to rows which are not there."""
    broken = data.db.execute("PRAGMA foreign_key_check").fetchall()
    for table, rowid, parent, _ in broken:
        where = f"row {rowid} of {table} refers to a row of {parent} that is not there"
        if table == "jobs":
            yield Problem(
                "reference", where, "the job waits for no other one any more", partial(_unlink, data, rowid)
            )
        else:
            yield Problem("reference", where, "such rows are deleted", partial(_delete_broken, data))


def check_search_index(data: CheckedData) -> Iterator[Problem]:
    """The inner structure of the search index; to ask for it is a write, which a running server forbids."""
    if data.running:
        return
    try:
        data.db.execute("INSERT INTO job_texts (job_texts) VALUES ('integrity-check')")
    except sqlite3.DatabaseError as error:
        yield Problem(
            "search index",
            f"it is damaged: {error}",
            "it is made anew from its texts",
            partial(_execute, data, "INSERT INTO job_texts (job_texts) VALUES ('rebuild')"),
        )


def _execute(data: CheckedData, statement: str) -> None:
    data.db.execute(statement)


def _unlink(data: CheckedData, rowid: int) -> None:
    data.db.execute("UPDATE jobs SET after = NULL WHERE rowid = ?", (rowid,))


def _delete_broken(data: CheckedData) -> None:
    """Rows of tables that belong to a job which is gone."""
    data.db.execute("DELETE FROM webhooks WHERE job_id NOT IN (SELECT id FROM jobs)")
    data.db.execute("DELETE FROM webhook_messages WHERE job_id NOT IN (SELECT job_id FROM webhooks)")
