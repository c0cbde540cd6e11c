"""The result of an attempt: its failure as an exception, its files brought to the output folder."""

import asyncio
from pathlib import Path

from ...errors import CannotLoad, EngineLost, Interrupted, JobCancelled, JobFailed, error_of
from ...outputs.job_folder import JobOutputFolder
from ...schemas.cluster import AttemptResult
from ...schemas.jobs import Job
from ..object_files import ObjectFiles, outputs_of, unpack


def raise_unless_completed(result: AttemptResult) -> None:
    """Raise JobFailed, CannotLoad, EngineLost, JobCancelled or Interrupted (for a job to be requeued)."""
    if result.error is None:
        return
    error = error_of(result.error)
    if not isinstance(error, CannotLoad | EngineLost | JobCancelled | Interrupted):
        error = JobFailed(str(error))
    raise error


async def receive_outputs(files: ObjectFiles, result: AttemptResult, job: Job, output_dir: Path) -> None:
    """Write the files of a job into its folder: all of them appear at once. Raises JobFailed, BadFile."""
    if not (result.files or result.enclosed):
        return
    folder = JobOutputFolder(output_dir, job)
    try:
        await asyncio.to_thread(unpack, result.enclosed, folder.unfinished)
        await files.fetch(outputs_of(result.attempt), result.files, folder.unfinished)
        await folder.publish()
    except OSError as error:
        raise JobFailed(f"The files of the job could not be written: {error}") from error
    finally:
        await folder.delete_unfinished()
