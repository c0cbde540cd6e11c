"""Sums and texts that triggers keep beside the jobs, compared with what the jobs themselves say.

They are made anew as they were made: in an empty database with the same tables, into which every job is put.
So whatever a migration changes about them, it is compared with itself.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

from ...migration import read_version, run_migrations
from ..progress import Tell
from .problem import CheckedData, Problem

# Tables that triggers keep; each row is found by its first columns, and the others are what is kept.
KEPT = {
    "job_counts": ("place", "status", "type"),
    "line_counts": ("lane", "priority"),
    "job_days": ("place", "day", "status", "type"),
    "job_models": ("place", "model_name", "status", "type"),
    "job_sizes": ("place",),
    "job_texts": ("rowid",),
}
# They may be wider than the jobs: that only costs a look.
_BOUNDS = {"first_seq": int.__le__, "last_seq": int.__ge__}
# Columns of a job that come after it was stored: triggers wait for their change.
_LATER = ("output_bytes", "input_bytes")
_BATCH = 1000
_MOST = 3


def check_kept_sums(data: CheckedData, tell: Tell) -> Iterator[Problem]:
    """Sums and texts that are not those of the jobs. With many jobs this takes longest of all checks."""
    with closing(sqlite3.connect("", isolation_level=None)) as fresh:
        run_migrations(fresh, read_version(data.db))
        fresh.execute("BEGIN")
        _put_jobs(data.db, fresh, tell)
        for table, key in KEPT.items():
            columns = _columns(fresh, table)
            wrong = list(_compare(data.db, fresh, table, key, columns))
            if wrong:
                more = f" and {len(wrong) - _MOST} more" if len(wrong) > _MOST else ""
                shown = ", ".join("/".join(map(str, one)) for one in wrong[:_MOST])
                name = "search index" if table == "job_texts" else "sum"
                rows = fresh.execute(_select(table, columns)).fetchall()
                yield Problem(
                    name,
                    f"{table} is not what the jobs say, of {shown}{more}",
                    "it is made anew from the jobs",
                    partial(_replace, data.db, table, columns, rows),
                )


def _columns(db: sqlite3.Connection, table: str) -> list[str]:
    named = [row[0] for row in db.execute("SELECT name FROM pragma_table_info(?)", (table,))]
    return ["rowid", *named] if table == "job_texts" else named


def _put_jobs(source: sqlite3.Connection, fresh: sqlite3.Connection, tell: Tell) -> None:
    """Store every job as its row has it, then change what is changed later."""
    known = set(_columns(source, "jobs"))
    stored = [name for name in _columns(fresh, "jobs") if name in known - set(_LATER)]
    (total,) = source.execute("SELECT count(*) FROM jobs").fetchone()
    insert = f"INSERT INTO jobs ({', '.join(stored)}) VALUES ({', '.join('?' * len(stored))})"  # noqa: S608
    later = f"UPDATE jobs SET {', '.join(f'{name} = ?' for name in _LATER)} WHERE seq = ?"  # noqa: S608
    # One column each: rows that are read by name would make a dictionary of every job.
    selected = source.execute(f"SELECT {', '.join([*stored, *_LATER, 'seq'])} FROM jobs ORDER BY seq")  # noqa: S608
    done = 0
    while rows := selected.fetchmany(_BATCH):
        fresh.executemany(insert, (tuple(row)[: len(stored)] for row in rows))
        fresh.executemany(later, (tuple(row)[len(stored) :] for row in rows if any(tuple(row)[-3:-1])))
        done += len(rows)
        tell("comparing sums and the search index", done, total)


def _compare(
    kept: sqlite3.Connection, fresh: sqlite3.Connection, table: str, key: tuple[str, ...], columns: list[str]
) -> Iterator[tuple[Any, ...]]:
    """The keys of rows that differ."""
    found, wanted = (_read(db, table, key, columns) for db in (kept, fresh))
    rest = columns[len(key) :]
    for one in sorted(found.keys() | wanted.keys(), key=repr):
        if not _agree(found.get(one), wanted.get(one), rest):
            yield one


def _read(
    db: sqlite3.Connection, table: str, key: tuple[str, ...], columns: list[str]
) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """The rows by their keys; a count of nothing is as good as none. Of long texts their hash will do."""
    rows = (tuple(row) for row in db.execute(_select(table, columns)))
    split = ((row[: len(key)], row[len(key) :]) for row in rows)
    return {
        one: tuple(hash(value) if isinstance(value, str) else value for value in values)
        for one, values in split
        if any(values)
    }


def _agree(found: tuple[Any, ...] | None, wanted: tuple[Any, ...] | None, names: list[str]) -> bool:
    if found is None or wanted is None:
        return found is wanted
    return all(
        _BOUNDS[name](one, other) if name in _BOUNDS else one == other
        for name, one, other in zip(names, found, wanted, strict=True)
    )


def _select(table: str, columns: list[str]) -> str:
    return f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608 - names of the tables of KEPT


def _replace(db: sqlite3.Connection, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    db.execute(f"DELETE FROM {table}")  # noqa: S608
    marks = ", ".join("?" * len(columns))
    db.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)  # noqa: S608
