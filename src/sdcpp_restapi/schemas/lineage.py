"""How jobs descend from each other: a job that branches has a parent."""

from pydantic import Field

from .base import Frozen, LeftOut
from .jobs import JobStatus, JobType
from .timestamps import WholeSecond


class LineageJob(Frozen):
    """One job of a lineage."""

    job_id: str
    type: JobType
    status: JobStatus
    created_at: WholeSecond
    parent: str | None = LeftOut  # the job it branched from
    from_step: int | None = LeftOut  # how many steps of each image it took from there
    outputs: list[str]


class Lineage(Frozen):
    """GET /queue/{id}/lineage."""

    job_id: str
    ancestors: list[LineageJob] = Field(description="The first of all, then whatever lies between")
    descendants: list[LineageJob] = Field(description="Those that branched from it, and from these")
