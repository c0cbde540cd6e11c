"""The output folder of a job: its files appear all at once, or not at all.

An attempt writes into `.<job_id>.<attempt>.tmp`, which is renamed to `<job_id>` when everything is in it.
What attempts left behind that a kill broke off is swept at the next start.
"""

import asyncio
import json
import os
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from ..schemas.jobs import Job
from ..schemas.timestamps import utc_second


class JobOutputFolder:
    """The folder of one attempt, and the one that it becomes."""

    def __init__(self, output_dir: Path, job: Job) -> None:
        self._job = job
        self._final = output_dir / job.id
        self._is_published = False
        self.unfinished = output_dir / f".{job.id}.{job.attempt}.tmp"

    async def create(self) -> None:
        """Make the unfinished folder. Raises OSError."""
        await asyncio.to_thread(self.unfinished.mkdir, parents=True, exist_ok=True)

    async def publish(self, config: dict[str, object] | None = None) -> None:
        """Give the folder its final name: from then on the job has outputs.

        With `config`, config.json is written before: the job, what it asked for, and these. Raises OSError.
        """
        await asyncio.to_thread(self._publish, config)

    async def delete_unfinished(self) -> None:
        """Delete what was not published, if there is anything."""
        if not self._is_published:
            await asyncio.to_thread(shutil.rmtree, self.unfinished, ignore_errors=True)

    async def discard(self) -> None:
        """Delete what was published: the job was cancelled in the very last moment."""
        await asyncio.to_thread(shutil.rmtree, self._final, ignore_errors=True)

    def _write_config(self, config: dict[str, object]) -> None:
        job = self._job
        everything = {
            "job_id": job.id,
            "type": job.type,
            "created_at": utc_second(job.created_at),
            "completed_at": utc_second(datetime.now(UTC)),
            "params": job.params.model_dump(mode="json", exclude_none=True),
            **config,
        }
        text = json.dumps(everything, indent=2, ensure_ascii=False) + "\n"
        (self.unfinished / "config.json").write_text(text, encoding="utf-8")

    def _publish(self, config: dict[str, object] | None) -> None:
        if config is not None:
            self._write_config(config)
        for partial in self.unfinished.glob(".*"):
            partial.unlink()  # left by an engine that was ended while it wrote
        if self._final.exists():
            # Left by an attempt that was broken off between the renaming and the database.
            shutil.rmtree(self._final)
        os.replace(self.unfinished, self._final)
        self._is_published = True


def sweep_attempts(output_dir: Path, without_outputs: Iterable[str]) -> None:
    """Make the output folder if need be, and delete what attempts left behind that a kill broke off.

    A kill between the renaming and the database leaves a whole folder of a job that has no outputs: such
    jobs are `without_outputs`, by their ids.
    """
    output_dir.mkdir(parents=True, exist_ok=True)
    unfinished = output_dir.glob(".*.tmp")
    ownerless = {path.name for path in output_dir.iterdir()}.intersection(without_outputs)
    for folder in [*unfinished, *(output_dir / job_id for job_id in ownerless)]:
        shutil.rmtree(folder, ignore_errors=True)
