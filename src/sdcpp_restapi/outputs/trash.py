"""The trash of the output folder: outputs of deleted jobs, in `.trash/<job_id>`.

So they stay on the same file system, where a folder moves as a whole by one rename, and as a dot folder they
are neither listed nor served. Only folders that have the name of a job are touched.
"""

import logging
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

NAME = ".trash"


class OutputTrash:
    """Moves output folders of jobs. Every method blocks, and can be repeated without harm."""

    def __init__(self, output_dir: Path) -> None:
        self._outputs = output_dir
        self._trash = output_dir / NAME

    def throw_away(self, ids: Iterable[str]) -> None:
        """Move the outputs of these jobs into the trash."""
        for job_id in ids:
            _move(self._outputs / job_id, self._trash / job_id)

    def take_back(self, ids: Iterable[str]) -> None:
        """Move the outputs of these jobs back from the trash."""
        for job_id in ids:
            _move(self._trash / job_id, self._outputs / job_id)

    def destroy(self, ids: Iterable[str]) -> list[str]:
        """Delete the outputs of these jobs, in the trash or not; the ids of which nothing is left."""
        ids = list(ids)
        # First moved as a whole, so that no listing shows a folder of which half is deleted.
        self.throw_away(ids)
        return [job_id for job_id in ids if all(_delete(folder) for folder in self.folders(job_id))]

    def folders(self, job_id: str) -> list[Path]:
        """Where the outputs of a job may be."""
        return [self._outputs / job_id, self._trash / job_id]

    def list_content(self) -> list[str]:
        """Names of the folders in the trash."""
        try:
            return os.listdir(self._trash)
        except OSError:
            return []


def _move(source: Path, target: Path) -> None:
    try:
        if os.path.lexists(source):  # else it was moved before, or the job has no outputs
            target.parent.mkdir(exist_ok=True)
            os.rename(source, target)
    except OSError as error:
        log.warning("%s could not be moved to %s: %s", source, target, error)


def _delete(folder: Path) -> bool:
    try:
        if folder.is_symlink():
            folder.unlink()  # the user put it there: its target stays
        else:
            with suppress(FileNotFoundError):
                shutil.rmtree(folder)
    except OSError as error:
        log.warning("%s could not be deleted: %s", folder, error)
        return False
    return True
