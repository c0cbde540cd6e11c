"""The folders of a server that does not run, with jobs in the queue and in the trash."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.stores import add_jobs, add_outputs
from sdcpp_restapi.config import Paths
from sdcpp_restapi.outputs.trash import OutputTrash

BYTES = 100


class Data:
    """Folders below `root`; `jobs` are completed, and the last of them is in the trash."""

    def __init__(self, root: Path, count: int = 4) -> None:
        self.paths = Paths(models_dir=root / "models", output_dir=root / "output", data_dir=root / "data")
        add_jobs(self.paths.data_dir, count)
        self.jobs = add_outputs(self.paths.data_dir, self.paths.output_dir, BYTES)
        outputs = [(json.dumps([f"{job_id}/image_0.png"]), job_id) for job_id in self.jobs]
        with closing(sqlite3.connect(self.database)) as db, db:
            db.executemany("UPDATE jobs SET outputs = ? WHERE id = ?", outputs)
        self.put_into_trash(self.jobs[-1])
        first = self.paths.data_dir / "inputs" / self.jobs[0]
        first.mkdir(parents=True)
        (first / "init_image_base64_0.png").write_bytes(b"an input")
        (self.paths.data_dir / "keys.json").write_text("{}")

    @property
    def database(self) -> Path:
        return self.paths.data_dir / "sdcpp.db"

    def rows(self, statement: str, *values: object) -> list[Any]:
        """What a statement on the database says or does."""
        with closing(sqlite3.connect(self.database, isolation_level=None)) as db:
            return db.execute(statement, values).fetchall()

    def put_into_trash(self, job_id: str) -> None:
        self.rows("UPDATE jobs SET place = 'trash', deleted_at = completed_at WHERE id = ?", job_id)
        OutputTrash(self.paths.output_dir).throw_away([job_id])

    def purge(self, job_id: str) -> None:
        """As the server does it: the row first."""
        self.rows("UPDATE jobs SET place = 'gone' WHERE id = ?", job_id)
        OutputTrash(self.paths.output_dir).destroy([job_id])

    def output(self, job_id: str) -> Path:
        return self.paths.output_dir / job_id / "image_0.png"


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but the lock, by its path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "lock"
    }


def inode(path: Path) -> int:
    """What two names of one file have in common."""
    return os.stat(path).st_ino
