"""A server's folders with many finished jobs, and what the database says of them."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.stores import add_jobs, add_outputs
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import environment


def stock(root: Path, count: int, size: int = 100) -> list[str]:
    """So many completed jobs with an output of `size` bytes each; their ids, oldest first."""
    add_jobs(root / "data", count)
    return add_outputs(root / "data", root / "output", size)


def start(root: Path, **settings: str) -> RunningServer:
    """A server on these folders, with a scripted engine that loads nothing."""
    return RunningServer(root, env=environment(root, **settings))


def rows(root: Path, statement: str, *values: object) -> list[Any]:
    """What a statement on the database says or does."""
    with closing(sqlite3.connect(root / "data" / "sdcpp.db", timeout=30, isolation_level=None)) as db:
        return db.execute(statement, values).fetchall()


def places(root: Path) -> dict[str, str]:
    """Where each job is, by the database."""
    return dict(rows(root, "SELECT id, place FROM jobs"))


def folders(folder: Path) -> set[str]:
    """Names of what is in a folder, but for dot files."""
    return {path.name for path in folder.glob("[!.]*")}


def delete(server: RunningServer, *ids: str, expect: int = 200, **more: object) -> Any:
    """The answer of DELETE /queue/jobs."""
    answer = server.http.request("DELETE", "/queue/jobs", json={"job_ids": ids, **more})
    assert answer.status_code == expect, answer.text
    return answer.json()


def restore(server: RunningServer, *ids: str) -> Any:
    """The answer of POST /queue/restore."""
    return server.post("/queue/restore", {"job_ids": ids})
