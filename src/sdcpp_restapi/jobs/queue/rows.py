"""A row of the jobs table, read as a job; moments as the table has them."""

import json
import logging
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter

from ...errors import JobDamaged
from ...schemas.downloads import JobResult
from ...schemas.jobs import Job, JobStatus, Progress, read_params
from ...schemas.models import LoadRequest
from ...schemas.upscaling import UpscalerRequest

log = logging.getLogger(__name__)

_MOMENT = TypeAdapter(datetime | None)
# Jobs that are kept as they were read, more than a page has: of a page that is read again and again, few have
# changed. One takes about 10 kB.
MOST_KEPT = 1500
# The value of `held` of a job that is not claimed until it is resumed.
PAUSED = 2


def to_text(moment: datetime) -> str:
    """A moment as text that sorts by time."""
    return moment.isoformat(timespec="milliseconds")


def now() -> str:
    """This moment, as it is stored."""
    return to_text(datetime.now(UTC))


@lru_cache(maxsize=32)
def _model(text: str) -> LoadRequest:
    # Most jobs are stamped with one of a few models: a page reads each of them once.
    return LoadRequest.model_validate_json(text)


def job_of(row: sqlite3.Row) -> Job:
    """The job in a row; of the same row, the same object. Raises JobDamaged."""
    try:
        return _read(row)
    except (ValueError, TypeError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise JobDamaged(f"The job {row['id']} cannot be read: its row is damaged ({reason})") from error


def jobs_of(found: Iterable[Any]) -> list[Job]:
    """The jobs in rows; damaged ones are left out, and told in the log once."""
    jobs = []
    for row in found:
        try:
            jobs.append(job_of(row))
        except JobDamaged as error:
            tell_damaged(str(error))
    return jobs


@lru_cache(maxsize=1000)
def tell_damaged(reason: str) -> None:
    """Say it in the log, where it was not said before."""
    log.error("%s", reason)


@lru_cache(maxsize=MOST_KEPT)
def _read(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        type=row["type"],
        status=JobStatus(row["status"]),
        attempt=row["attempt"],
        params=read_params(row["type"], row["params"]),
        model=_model(row["model"]) if row["model"] else None,
        upscaler=UpscalerRequest.model_validate_json(row["upscaler"]) if row["upscaler"] else None,
        after=row["after"],
        created_at=_MOMENT.validate_python(row["created_at"]),
        started_at=_MOMENT.validate_python(row["started_at"]),
        completed_at=_MOMENT.validate_python(row["completed_at"]),
        progress=Progress.model_validate_json(row["progress"]),
        outputs=tuple(json.loads(row["outputs"])),
        slot=row["slot"],
        source=row["source"],
        user=row["user"],
        engine=row["engine"],
        resumed_from_step=row["resumed_from_step"],
        result=JobResult.model_validate_json(row["result"]) if row["result"] else None,
        error=row["error"],
        warnings=tuple(json.loads(row["warnings"])),
        paused=row["held"] == PAUSED,
        preempted=bool(row["preempted"]),
        deleted_at=_MOMENT.validate_python(row["deleted_at"]),
    )
