"""How the files of a job that ends in a folder appear."""

from ...outputs.job_folder import JobOutputFolder
from ...schemas.jobs import Job, Outcome


async def publish_files(
    job: Job,
    folder: JobOutputFolder,
    files: list[str],
    timings: dict[str, float],
    config: dict[str, object],
    warnings: list[str],
) -> Outcome:
    """Add config.json to the files of a finished attempt and let them appear. Raises OSError.

    `warnings` are those of the run, which come after those of the job.
    """
    told = [*job.warnings, *warnings]
    await folder.write_config({**config, "timings": timings, **({"warnings": told} if told else {})})
    await folder.publish()
    return Outcome(
        outputs=tuple(f"{job.id}/{file}" for file in files),
        seconds=sum(timings.values()),
        warnings=tuple(warnings),
    )
