"""What the database says of the files of jobs."""

import json
import re
import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

# What folders of jobs are called: others belong to somebody else.
JOB_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class JobRow(NamedTuple):
    """A job: where it is, how it ended, and its outputs as paths relative to the output folder."""

    id: str
    place: str
    status: str
    attempt: int
    outputs: tuple[str, ...]
    output_bytes: int | None
    input_bytes: int | None


def read_jobs(db: sqlite3.Connection) -> Iterator[JobRow]:
    """All jobs, also those that are being deleted, oldest first."""
    statement = "SELECT id, place, status, attempt, outputs, output_bytes, input_bytes FROM jobs ORDER BY seq"
    for job_id, place, status, attempt, outputs, *sizes in db.execute(statement):
        yield JobRow(job_id, place, status, attempt, _read_outputs(outputs), *sizes)


def _read_outputs(text: str) -> tuple[str, ...]:
    """What a damaged row says of outputs is nothing."""
    try:
        outputs = json.loads(text)
    except ValueError:
        return ()
    return tuple(one for one in outputs if isinstance(one, str)) if isinstance(outputs, list) else ()
