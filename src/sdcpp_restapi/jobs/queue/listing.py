"""Pages of the jobs table: a statement is put together of what a filter needs, so that an index serves it."""

import json
import re
import sqlite3
from typing import Any

from ...schemas.base import Frozen
from ...schemas.jobs import Job, JobStatus, JobType
from ...schemas.trash import Place
from .rows import jobs_of

Counts = dict[JobStatus, int]

# Those that look at the jobs themselves; the others are columns with indexes.
_READING = {
    "search": "(id LIKE :search ESCAPE '\\' OR params LIKE :search ESCAPE '\\'"
    " OR model LIKE :search ESCAPE '\\')",
    "model": "json_valid(model) AND model ->> '$.model_name' = :model",
}


class JobFilters(Frozen):
    """Which jobs a page shows, and where it starts."""

    status: JobStatus | None = None
    type: JobType | None = None
    search: str | None = None
    model: str | None = None
    trash: bool = False
    ascending: bool = False
    limit: int
    offset: int = 0

    @property
    def narrow(self) -> bool:
        """Whether jobs are filtered out at all."""
        return bool(self.status or self.type or self.search or self.model or self.trash)


class JobPage(Frozen):
    """Jobs and, as of the same moment, the counts of the whole queue and of what the filters let through."""

    jobs: list[Job]
    counts: Counts
    matching: int | None


def page(db: sqlite3.Connection, filters: JobFilters) -> JobPage:
    """One page of jobs."""
    values = _values(filters)
    order = "ORDER BY seq" if filters.ascending else "ORDER BY seq DESC"
    found = db.execute(
        f"SELECT * FROM jobs WHERE {_conditions(values)} {order} LIMIT :limit OFFSET :offset",  # noqa: S608 - constants
        {**values, "limit": filters.limit, "offset": filters.offset},
    )
    return JobPage(
        jobs=jobs_of(found),
        counts=counts(db),
        matching=_count_matching(db, values) if filters.narrow else None,
    )


def counts(db: sqlite3.Connection) -> Counts:
    """How many jobs are in each state."""
    found = db.execute("SELECT status, sum(count) FROM job_counts WHERE place = 'queue' GROUP BY status")
    return {JobStatus(status): count for status, count in found}


def _count_matching(db: sqlite3.Connection, values: dict[str, Any]) -> int:
    reading = _READING.keys() & values
    counted = "count(*) FROM jobs" if reading else "coalesce(sum(count), 0) FROM job_counts"
    found = db.execute(f"SELECT {counted} WHERE {_conditions(values)}", values)
    return int(found.fetchone()[0])


def _values(filters: JobFilters) -> dict[str, Any]:
    place: Place = "trash" if filters.trash else "queue"
    values = {
        "place": place,
        "status": filters.status,
        "type": filters.type,
        "model": filters.model,
        "search": _like(filters.search),
    }
    return {name: value for name, value in values.items() if value is not None}


def _conditions(values: dict[str, Any]) -> str:
    return " AND ".join(_READING.get(name, f"{name} = :{name}") for name in values)


def _like(search: str | None) -> str | None:
    if not search:
        return None
    # What is searched is JSON text, which holds quotes, backslashes and line ends escaped.
    text = json.dumps(search, ensure_ascii=False)[1:-1]
    return "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"
