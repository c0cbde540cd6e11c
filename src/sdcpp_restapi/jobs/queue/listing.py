"""Pages of the jobs table: a statement is put together of what a filter needs, so that an index serves it.

A period narrows `seq` first, to where job_days says that the jobs of its days are: pages stay in the order of
`seq`, which the indexes have, and no job of another day is read.
"""

import sqlite3
from collections.abc import Iterable, Mapping

from pydantic import Field

from ...schemas.base import Frozen
from ...schemas.jobs import KINDS, Job, JobStatus, JobType
from ...schemas.timestamps import Moment
from ...schemas.trash import Place
from . import days, searching
from .rows import jobs_of

Counts = dict[JobStatus, int]

_COLUMNS = ("place", "status", "type", "user")
_CONDITIONS = {**days.IN_PERIOD, **searching.CONDITIONS, "model": "model_name = :model"}
_SEQ_BOUNDS = {"cursor_below": "<", "cursor_above": ">", "first_seq": ">=", "last_seq": "<="}
# Matching jobs are counted so far where each of them must be read.
MOST_COUNTED = 10_000


class JobFilters(Frozen):
    """Which jobs a page shows, and where it starts."""

    status: JobStatus | None = None
    type: JobType | None = None
    search: str | None = None
    model: str | None = None
    after: Moment | None = Field(None, description="Jobs that were created then or later")
    before: Moment | None = Field(None, description="Jobs that were created earlier")
    user: str | None = Field(None, description="Whose jobs; empty: nobody's, None: everybody's")
    trash: bool = False
    ascending: bool = False
    limit: int
    offset: int = 0
    cursor: int | None = Field(None, description="Jobs behind the one that has this place in the queue")

    @property
    def narrow(self) -> bool:
        """Whether jobs are filtered out at all."""
        columns = (self.status, self.type, self.search, self.model, self.after, self.before)
        return self.trash or any(columns)


class JobPage(Frozen):
    """Jobs and, as of the same moment, the counts of the whole queue and of what the filters let through."""

    jobs: list[Job]
    has_more: bool
    next_cursor: int | None = Field(description="The cursor of the page behind this one, if there is one")
    counts: Counts
    matching: int | None
    warnings: list[str] = Field(description="What of the filters acts in part")


def page(db: sqlite3.Connection, filters: JobFilters) -> JobPage:
    """One page of jobs."""
    values = _values(filters)
    period = _among(days.IN_PERIOD, values)
    bounds = days.find_bounds(db, _among(_COLUMNS, values), period) if period else {}
    wanted = _Selection({**values, **bounds})
    cursor = _cursor(filters)
    # One more than the page has, which tells whether there are more; its own cursor only moves the begin.
    found = db.execute(
        f"SELECT jobs.* FROM {wanted.source} WHERE {wanted.conditions(cursor)}"  # noqa: S608 - constants
        f" ORDER BY {wanted.seq} {'ASC' if filters.ascending else 'DESC'} LIMIT :limit OFFSET :offset",
        {**wanted.values, **cursor, "limit": filters.limit + 1, "offset": filters.offset},
    ).fetchall()
    shown, has_more = found[: filters.limit], len(found) > filters.limit
    matching = _count_matching(db, values, wanted) if filters.narrow else None
    return JobPage(
        jobs=jobs_of(shown),
        has_more=has_more,
        next_cursor=shown[-1]["seq"] if has_more else None,
        counts=counts(db, filters.user),
        matching=min(matching, MOST_COUNTED) if matching is not None and wanted.counted_singly else matching,
        warnings=_warn(wanted, matching),
    )


def counts(db: sqlite3.Connection, user: str | None = None) -> Counts:
    """How many jobs are in each state: those of a user, or all."""
    found = db.execute(
        "SELECT status, sum(count) FROM job_counts WHERE place = 'queue' AND (:user IS NULL OR user = :user)"
        " GROUP BY status",
        {"user": user},
    )
    return {JobStatus(status): count for status, count in found}


def count_pending(db: sqlite3.Connection) -> int:
    """How many jobs wait, hash jobs left out."""
    (count,) = db.execute(
        "SELECT coalesce(sum(count), 0) FROM job_counts"
        " WHERE place = 'queue' AND status = 'pending' AND type <> 'model_hash'"
    ).fetchone()
    return int(count)


def count_unfinished(db: sqlite3.Connection) -> dict[tuple[JobType, JobStatus], int]:
    """How many jobs wait and run, by type; 0 where there are none."""
    found = db.execute(
        "SELECT type, status, sum(count) FROM job_counts"
        " WHERE place = 'queue' AND status IN ('pending', 'processing') GROUP BY type, status"
    )
    zero = {(kind, status): 0 for kind in KINDS for status in (JobStatus.PENDING, JobStatus.PROCESSING)}
    return zero | {(kind, JobStatus(status)): int(count) for kind, status, count in found}


class _Selection:
    """What comes behind FROM and WHERE for the values of a filter."""

    def __init__(self, values: Mapping[str, str | int]) -> None:
        self.values = values
        self._searches = bool(searching.CONDITIONS.keys() & values.keys())
        # The column that has the order of the queue, in the table that is gone through.
        self.source, self.seq = (searching.SOURCE, "job_texts.rowid") if self._searches else ("jobs", "seq")

    @property
    def counted_singly(self) -> bool:
        """Whether nothing but looking at each job tells how many there are."""
        of_period = bool(days.IN_PERIOD.keys() & self.values.keys())
        return self._searches or (of_period and "model" in self.values)

    def conditions(self, more: Iterable[str] = ()) -> str:
        """All of them, and those of further values."""
        return " AND ".join(self._condition(name) for name in [*self.values, *more])

    def _condition(self, name: str) -> str:
        if name in _SEQ_BOUNDS:
            return f"{self.seq} {_SEQ_BOUNDS[name]} :{name}"
        # Jobs of a model and of a user are few among those of a state, and those of nobody are many: + keeps
        # the column from choosing the index.
        few = "model" in self.values or self.values.get("user")
        plus = "+" if (few and name in ("status", "type")) or (name == "user" and not few) else ""
        return _CONDITIONS.get(name, f"{plus}{name} = :{name}")


def _count_matching(db: sqlite3.Connection, values: dict[str, str], wanted: _Selection) -> int:
    """Exact, or more than MOST_COUNTED where each job would have to be looked at."""
    period = _among(days.IN_PERIOD, values)
    if wanted.counted_singly:
        some = f"SELECT 1 FROM {wanted.source} WHERE {wanted.conditions()} LIMIT {MOST_COUNTED + 1}"  # noqa: S608 - constants
        found = db.execute(f"SELECT count(*) FROM ({some})", wanted.values)  # noqa: S608 - constants
    elif period:
        return days.count_jobs(db, _among(_COLUMNS, values), period)
    else:
        table = "job_models" if "model" in values else "job_counts"
        found = db.execute(f"SELECT coalesce(sum(count), 0) FROM {table} WHERE {wanted.conditions()}", values)  # noqa: S608 - constants
    return int(found.fetchone()[0])


def _warn(wanted: _Selection, matching: int | None) -> list[str]:
    told = [searching.READ_IN_PART] if "part" in wanted.values else []
    if matching is not None and wanted.counted_singly and matching > MOST_COUNTED:
        told.append(f"more than {MOST_COUNTED:,} jobs match; matching_count stops there")
    return told


def _values(filters: JobFilters) -> dict[str, str]:
    place: Place = "trash" if filters.trash else "queue"
    values = {
        "place": place,
        "status": filters.status,
        "type": filters.type,
        "user": filters.user,
        "model": filters.model,
        "after": days.bound_of(filters.after) if filters.after else None,
        "before": days.bound_of(filters.before) if filters.before else None,
    }
    if filters.search:
        search = searching.search_for(filters.search)
        values[search.condition] = search.value
    return {name: value for name, value in values.items() if value is not None}


def _cursor(filters: JobFilters) -> dict[str, int]:
    if filters.cursor is None:
        return {}
    return {"cursor_above" if filters.ascending else "cursor_below": filters.cursor}


def _among(names: Iterable[str], values: dict[str, str]) -> dict[str, str]:
    return {name: values[name] for name in names if name in values}
