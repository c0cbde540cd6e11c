"""The output folder against the database: what is missing, misplaced, or of no job."""

import os
import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from ...outputs.media import MEDIA
from ...outputs.trash import NAME as TRASH
from ...outputs.trash import OutputTrash
from ..job_rows import JOB_ID, JobRow
from .problem import CheckedData, Problem, move_aside

# Where an attempt writes, and where a restore does.
_UNFINISHED = re.compile(r"\..+\.tmp")


def check_outputs(data: CheckedData, jobs: Iterable[JobRow]) -> Iterator[Problem]:
    """Rows against files."""
    for job in jobs:
        if job.outputs and job.place in ("queue", "trash"):
            yield from _check_job(data, job)


def check_folders(data: CheckedData, jobs: Iterable[JobRow]) -> Iterator[Problem]:
    """Files against rows: folders that have the name of a job. Others belong to somebody else."""
    known = {job.id: job for job in jobs}
    outputs = data.paths.output_dir
    for folder in (outputs, outputs / TRASH):
        for name in _list_names(folder):
            path = folder / name
            if JOB_ID.fullmatch(name):
                yield from _check_owner(data, path, known.get(name))
            elif folder == outputs and _UNFINISHED.fullmatch(name) and not data.running:
                yield Problem(
                    "unfinished folder",
                    f"{path} was left by an attempt that was broken off",
                    f"it is moved to {data.lost_outputs}",
                    move_aside(path, data.lost_outputs),
                )


def check_thumbnails(data: CheckedData, jobs: Iterable[JobRow]) -> Iterator[Problem]:
    """Thumbnails of pictures that are not there any more; they are made again when somebody asks for them."""
    for job in jobs:
        folder = data.paths.output_dir / job.id / ".thumbs"
        if job.place != "queue" or not (names := _list_names(folder)):
            continue
        pictures = set(_list_names(folder.parent))
        stems = {Path(name).stem for name in pictures if Path(name).suffix.lower() in MEDIA} | pictures
        stale = [folder / name for name in names if Path(name).stem not in stems]
        if stale and not data.running:
            yield Problem(
                "thumbnails",
                f"{folder} has {len(stale)} of pictures that are not there",
                "they are deleted",
                partial(_delete, stale),
            )


def _check_job(data: CheckedData, job: JobRow) -> Iterator[Problem]:
    trash = OutputTrash(data.paths.output_dir)
    right, wrong = trash.folders(job.id) if job.place == "queue" else reversed(trash.folders(job.id))
    if not right.exists() and wrong.exists():
        move = trash.take_back if job.place == "queue" else trash.throw_away
        yield Problem(
            "misplaced outputs",
            f"{wrong} belongs into {right.parent}: the job is in the {job.place}",
            "the folder is moved there",
            partial(move, [job.id]),
        )
        right = wrong
    missing = [path for path in job.outputs if not (right.parent / path).exists()]
    empty = [path for path in job.outputs if path not in missing and _size(right.parent / path) == 0]
    for names, what in ((missing, "missing"), (empty, "empty")):
        if names:
            yield Problem(
                f"{what} outputs",
                f"{', '.join(names)} of the job {job.id} {'is' if len(names) == 1 else 'are'} {what}",
                "a backup may have them: `sdcpp restore` into other folders",
            )


def _check_owner(data: CheckedData, path: Path, job: JobRow | None) -> Iterator[Problem]:
    if job is None:
        reason = f"{path} belongs to no job"
    elif not job.outputs and job.attempt and job.status in ("pending", "failed", "cancelled"):
        reason = f"{path} appeared, but the job was never stored as completed"
    else:
        return  # its own folder; one of a job that is being deleted is deleted by the server
    remedy = f"it is moved to {data.lost_outputs}"
    yield Problem("ownerless outputs", reason, remedy, move_aside(path, data.lost_outputs))


def _delete(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _list_names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
