"""Deleting jobs, getting them back, and what their files take."""

from typing import Annotated, Literal

from pydantic import Field

from .base import Frozen, LeftOut, Request

Place = Literal["queue", "trash", "gone"]

# Ten of the largest pages of GET /queue; 10,000 jobs are moved in about a second.
MOST_JOBS = 10_000

JobIds = Annotated[
    list[Annotated[str, Field(max_length=64)]],
    Field(min_length=1, max_length=MOST_JOBS, examples=[["550e8400-e29b-41d4-a716-446655440000"]]),
]


class RestoreRequest(Request):
    """POST /queue/restore."""

    job_ids: JobIds


class DeleteRequest(Request):
    """DELETE /queue/jobs."""

    job_ids: JobIds
    purge: bool = Field(False, description="For good, also what is in the trash already")


class Deleted(Frozen):
    """Answer of DELETE /queue/jobs."""

    success: bool = True
    deleted: list[str]
    not_found: list[str] = Field(description="Not in the queue, and with purge not in the trash either")
    warnings: list[str] | None = LeftOut


class Restored(Frozen):
    """Answer of POST /queue/restore."""

    success: bool = True
    restored: list[str]
    not_found: list[str] = Field(description="Not in the trash")
    warnings: list[str] | None = LeftOut


class Storage(Frozen):
    """What files take and what is left; measured some seconds ago."""

    outputs_bytes: int = Field(description="Outputs of finished jobs, thumbnails not counted")
    trash_bytes: int = Field(description="Outputs of jobs in the trash")
    inputs_bytes: int = Field(description="Input images of finished jobs, in the trash or not")
    models_disk_free_bytes: int | None = Field(description="null where the disk can't be asked")
    outputs_disk_free_bytes: int | None
