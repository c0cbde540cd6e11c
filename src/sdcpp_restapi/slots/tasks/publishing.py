"""How the files of a job that ends in a folder appear."""

from dataclasses import dataclass

from ...outputs.job_folder import JobOutputFolder
from ...schemas.jobs import Job, Outcome


@dataclass(frozen=True)
class Run:
    """What is known of an attempt besides what the child made."""

    engine: str | None
    """The revision that made it."""
    warnings: list[str]
    """Those of the load."""
    resumed_from_step: int | None = None
    """Steps of all images that an earlier attempt had computed."""


async def publish_files(
    job: Job,
    folder: JobOutputFolder,
    files: list[str],
    timings: dict[str, float],
    config: dict[str, object],
    run: Run,
    warnings: list[str],
) -> Outcome:
    """Add config.json to the files of a finished attempt and let them appear. Raises OSError.

    `warnings` come after those of the job and of the load.
    """
    seen = [*run.warnings, *warnings]
    about = {
        "engine": run.engine,
        "resumed_from_step": run.resumed_from_step,
        "timings": timings,
        "warnings": [*job.warnings, *seen],
    }
    await folder.publish({**config, **{name: value for name, value in about.items() if value}})
    return Outcome(
        outputs=tuple(f"{job.id}/{file}" for file in files),
        seconds=sum(timings.values()),
        warnings=tuple(seen),
        engine=run.engine,
        resumed_from_step=run.resumed_from_step,
    )
