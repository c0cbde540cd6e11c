"""Pages of the jobs table: a statement is put together of what a filter needs, so that an index serves it.

A period narrows `seq` first, to where job_days says that the jobs of its days are: pages stay in the order of
`seq`, which the indexes have, and no job of another day is read.
"""

import json
import re
import sqlite3
from collections.abc import Iterable

from pydantic import Field

from ...schemas.base import Frozen
from ...schemas.jobs import Job, JobStatus, JobType
from ...schemas.timestamps import Moment
from ...schemas.trash import Place
from . import days
from .rows import jobs_of

Counts = dict[JobStatus, int]

_COLUMNS = ("place", "status", "type")
# Those that look at the jobs themselves; the others are columns with indexes.
_READING = {
    "search": "(id LIKE :search ESCAPE '\\' OR params LIKE :search ESCAPE '\\'"
    " OR model LIKE :search ESCAPE '\\')",
    "model": "json_valid(model) AND model ->> '$.model_name' = :model",
}
_CONDITIONS = {**_READING, **days.IN_PERIOD, "first_seq": "seq >= :first_seq", "last_seq": "seq <= :last_seq"}


class JobFilters(Frozen):
    """Which jobs a page shows, and where it starts."""

    status: JobStatus | None = None
    type: JobType | None = None
    search: str | None = None
    model: str | None = None
    after: Moment | None = Field(None, description="Jobs that were created then or later")
    before: Moment | None = Field(None, description="Jobs that were created earlier")
    trash: bool = False
    ascending: bool = False
    limit: int
    offset: int = 0

    @property
    def narrow(self) -> bool:
        """Whether jobs are filtered out at all."""
        columns = (self.status, self.type, self.search, self.model, self.after, self.before)
        return self.trash or any(columns)


class JobPage(Frozen):
    """Jobs and, as of the same moment, the counts of the whole queue and of what the filters let through."""

    jobs: list[Job]
    has_more: bool
    counts: Counts
    matching: int | None


def page(db: sqlite3.Connection, filters: JobFilters) -> JobPage:
    """One page of jobs."""
    values = _values(filters)
    period = _among(days.IN_PERIOD, values)
    bounds = days.find_bounds(db, _among(_COLUMNS, values), period) if period else {}
    where = _conditions([*values, *bounds])
    order = "ORDER BY seq" if filters.ascending else "ORDER BY seq DESC"
    found = db.execute(
        f"SELECT * FROM jobs WHERE {where} {order} LIMIT :limit OFFSET :offset",  # noqa: S608 - constants
        {**values, **bounds, "limit": filters.limit + 1, "offset": filters.offset},
    ).fetchall()
    return JobPage(
        jobs=jobs_of(found[: filters.limit]),
        has_more=len(found) > filters.limit,
        counts=counts(db),
        matching=_count_matching(db, values, bounds) if filters.narrow else None,
    )


def counts(db: sqlite3.Connection) -> Counts:
    """How many jobs are in each state."""
    found = db.execute("SELECT status, sum(count) FROM job_counts WHERE place = 'queue' GROUP BY status")
    return {JobStatus(status): count for status, count in found}


def _count_matching(db: sqlite3.Connection, values: dict[str, str], bounds: days.Bounds) -> int:
    period = _among(days.IN_PERIOD, values)
    reading = _READING.keys() & values
    if period and not reading:
        return days.count_jobs(db, _among(_COLUMNS, values), period)
    counted = "count(*) FROM jobs" if reading else "coalesce(sum(count), 0) FROM job_counts"
    where = _conditions([*values, *bounds])
    found = db.execute(f"SELECT {counted} WHERE {where}", {**values, **bounds})
    return int(found.fetchone()[0])


def _values(filters: JobFilters) -> dict[str, str]:
    place: Place = "trash" if filters.trash else "queue"
    values = {
        "place": place,
        "status": filters.status,
        "type": filters.type,
        "model": filters.model,
        "search": _like(filters.search),
        "after": days.bound_of(filters.after) if filters.after else None,
        "before": days.bound_of(filters.before) if filters.before else None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _among(names: Iterable[str], values: dict[str, str]) -> dict[str, str]:
    return {name: values[name] for name in names if name in values}


def _conditions(names: Iterable[str]) -> str:
    return " AND ".join(_CONDITIONS.get(name, f"{name} = :{name}") for name in names)


def _like(search: str | None) -> str | None:
    if not search:
        return None
    # What is searched is JSON text, which holds quotes, backslashes and line ends escaped.
    text = json.dumps(search, ensure_ascii=False)[1:-1]
    return "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"
