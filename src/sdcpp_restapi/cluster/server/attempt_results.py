"""The result of an attempt: its failure as an exception, its files brought to the output folder."""

import asyncio
import os
import shutil
from pathlib import Path

from ...errors import CannotLoad, EngineLost, Interrupted, JobCancelled, JobFailed
from ...schemas.cluster import AttemptResult
from ...schemas.jobs import Job
from ..object_files import ObjectFiles, outputs_of, unpack


def raise_unless_completed(result: AttemptResult, worker: str) -> None:
    """Raise JobFailed, CannotLoad, EngineLost, JobCancelled or Interrupted (for a job to be requeued)."""
    match result.status:
        case "failed":
            raise JobFailed(result.error)
        case "cannot_load":
            raise CannotLoad(result.error)
        case "engine_lost":
            raise EngineLost(result.error)
        case "cancelled":
            raise JobCancelled
        case "requeued":
            raise Interrupted(result.error or f"Worker {worker} gave the job back")


async def receive_outputs(files: ObjectFiles, result: AttemptResult, job: Job, output_dir: Path) -> None:
    """Write the files of a job into its folder: all of them appear at once. Raises JobFailed, BadFile."""
    if not (result.files or result.enclosed):
        return
    final = output_dir / job.id
    unfinished = output_dir / f".{job.id}.{job.attempt}.tmp"
    try:
        await asyncio.to_thread(unpack, result.enclosed, unfinished)
        await files.fetch(outputs_of(result.attempt), result.files, unfinished)
        await asyncio.to_thread(_replace, unfinished, final)
    except OSError as error:
        raise JobFailed(f"The files of the job could not be written: {error}") from error
    finally:
        await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)


def _replace(unfinished: Path, final: Path) -> None:
    if final.exists():
        # Left by an attempt that was broken off between the renaming and the database.
        shutil.rmtree(final)
    os.replace(unfinished, final)
