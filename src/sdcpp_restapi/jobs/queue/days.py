"""Jobs of a period: job_days tells where they are, and counts whole days, so that no other day's are read.

A period begins with `after` and ends before `before`. Both are as rows have moments, and midnight is the day
alone: so they compare with days and with moments alike. `columns` are place, status and type.
"""

import sqlite3
from collections.abc import Mapping
from datetime import datetime

from .rows import to_text

Columns = Mapping[str, str]
Bounds = dict[str, int]

IN_PERIOD = {"after": "created_at >= :after", "before": "created_at < :before"}
_TOUCHED = {"after": "day >= substr(:after, 1, 10)", "before": "day < :before"}
_WHOLE = {"after": "day >= :after", "before": "day < substr(:before, 1, 10)"}


def bound_of(moment: datetime) -> str:
    """A moment as the begin or the end of a period."""
    return to_text(moment).removesuffix("T00:00:00.000+00:00")


def find_bounds(db: sqlite3.Connection, columns: Columns, period: Columns) -> Bounds:
    """`first_seq` and `last_seq` of the days of a period: it has no job before and behind them."""
    return _bounds(db, {**columns, **period})


def count_jobs(db: sqlite3.Connection, columns: Columns, period: Columns) -> int:
    """How many jobs a period has. It reads those of the days that belong to it in part, two at most."""
    values = {**columns, **period}
    where = _conditions(values, _WHOLE)
    (whole,) = db.execute(f"SELECT coalesce(sum(count), 0) FROM job_days WHERE {where}", values).fetchone()  # noqa: S608 - constants
    partial = {moment[:10] for moment in period.values() if len(moment) > len("2024-01-31")}
    return int(whole) + sum(_count_on(db, day, columns, period) for day in partial)


def _count_on(db: sqlite3.Connection, day: str, columns: Columns, period: Columns) -> int:
    values = {**columns, **period, **_bounds(db, {**columns, "day": day})}
    where = f"{_conditions({**columns, **period}, IN_PERIOD)} AND seq BETWEEN :first_seq AND :last_seq"
    found = db.execute(
        f"SELECT count(*) FROM jobs WHERE {where} AND substr(created_at, 1, 10) = :day",  # noqa: S608 - constants
        {**values, "day": day},
    )
    return int(found.fetchone()[0])


def _bounds(db: sqlite3.Connection, values: Columns) -> Bounds:
    where = _conditions(values, _TOUCHED)
    found = db.execute(f"SELECT min(first_seq), max(last_seq) FROM job_days WHERE {where}", values)  # noqa: S608 - constants
    first, last = found.fetchone()
    return {"first_seq": first, "last_seq": last} if first is not None else {"first_seq": 1, "last_seq": 0}


def _conditions(values: Columns, special: Mapping[str, str]) -> str:
    return " AND ".join(special.get(name, f"{name} = :{name}") for name in values)
