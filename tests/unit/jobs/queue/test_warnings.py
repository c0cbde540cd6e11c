"""What did not act of a request is told with the job, from its submission on."""

import asyncio
import json
import sqlite3
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from sdcpp_restapi.db import Database
from sdcpp_restapi.events import EventBus
from sdcpp_restapi.jobs.queue.new_job import NewJob
from sdcpp_restapi.jobs.queue.queue import Queue
from sdcpp_restapi.jobs.queue.store import JobStore
from sdcpp_restapi.schemas.cluster import Attempt, AttemptResult, JobAssignment
from sdcpp_restapi.schemas.engine import Generated, MadeImage
from sdcpp_restapi.schemas.events import JobStatusChanged
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.jobs import Job, Outcome
from sdcpp_restapi.schemas.models import LoadRequest
from sdcpp_restapi.schemas.options import BoundedPreviewSettings
from sdcpp_restapi.slots.tasks.generation import GenerateTask
from sdcpp_restapi.slots.tasks.publishing import Run

BEFORE = 10
"""The last migration of a database without warnings."""

SAID, SEEN = "steps: no effect", "image_0.png is all black"


def new_job(*warnings: str) -> NewJob:
    return NewJob(
        type="txt2img",
        params=Txt2ImgRequest(prompt="a cat", seed=1),
        model=LoadRequest(model_name="any.gguf"),
        warnings=warnings,
    )


class Heard(EventBus):
    """A bus, and the changes of jobs that went over it."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[JobStatusChanged] = []

    def publish(self, data: Any, user: str | None = "") -> None:
        if isinstance(data, JobStatusChanged):
            self.changes.append(data)
        super().publish(data, user)


@pytest.mark.parametrize(
    ("said", "seen", "told"),
    [((), (), None), ((SAID,), (), [SAID]), ((), (SEEN,), [SEEN]), ((SAID,), (SEEN,), [SAID, SEEN])],
)
async def test_a_job_and_its_events_tell_what_the_submission_and_the_run_showed(
    tmp_path: Path, said: tuple[str, ...], seen: tuple[str, ...], told: list[str] | None
) -> None:
    database = await Database.open(tmp_path / "test.db")
    bus = Heard()
    queue = Queue(JobStore(database), bus)
    submitted = new_job(*said)
    await queue.submit(submitted)
    assert (await queue.get(submitted.id)).warnings == (list(said) or None)
    job = await queue.claim("engine")
    assert job is not None
    await queue.requeue(job, engine_lost=True)
    job = await queue.claim("engine")
    assert job is not None
    await queue.complete(job, Outcome(warnings=seen))
    view = await queue.get(job.id)
    assert view.warnings == told
    assert ("warnings" in view.model_dump(mode="json")) == (told is not None)
    assert bus.changes[-1].warnings == told
    assert bus.changes[0].warnings == (list(said) or None)
    await database.close()


async def test_a_failed_job_keeps_what_its_submission_told(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "test.db")
    queue = Queue(JobStore(database), Heard())
    await queue.submit(new_job(SAID))
    job = await queue.claim("engine")
    assert job is not None
    await queue.fail(job, "no memory")
    assert (await queue.get(job.id)).warnings == [SAID]
    await database.close()


async def test_a_database_of_before_has_jobs_without_warnings(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    _write_old_database(path)
    database = await Database.open(path)
    store = JobStore(database)
    old = await store.get("old")
    assert old is not None
    assert old.warnings == ()
    await store.insert(new_job(SAID))
    claimed = [await store.claim("engine"), await store.claim("engine")]
    assert [job.warnings for job in claimed if job] == [(), (SAID,)]
    await database.close()


def _write_old_database(path: Path) -> None:
    scripts = resources.files("sdcpp_restapi").joinpath("migrations").iterdir()
    with sqlite3.connect(path) as db:
        for script in sorted(scripts, key=lambda one: one.name):
            if script.name.endswith(".sql") and int(script.name.split("_")[0]) <= BEFORE:
                db.executescript(script.read_text("utf-8"))
        db.execute(f"PRAGMA user_version = {BEFORE}")
        db.execute(
            "INSERT INTO jobs (id, lane, type, created_at, params, progress)"
            " VALUES ('old', 'engine', 'txt2img', '2026-01-01T00:00:00.000Z', '{\"prompt\": \"a\"}', '{}')"
        )
    db.close()


async def test_config_json_tells_both(tmp_path: Path) -> None:
    outcome, config = await _publish(tmp_path, _claimed(new_job(SAID)), [SEEN])
    assert config["warnings"] == [SAID, SEEN]
    assert outcome.warnings == (SEEN,)
    _, config = await _publish(tmp_path, _claimed(new_job()), [])
    assert "warnings" not in config


def _claimed(job: NewJob) -> Job:
    return Job.model_validate(
        {
            "id": job.id,
            "type": job.type,
            "status": "processing",
            "attempt": 1,
            "params": job.params,
            "model": job.model,
            "created_at": "2026-01-01T00:00:00Z",
            "progress": {},
            "warnings": job.warnings,
        }
    )


async def _publish(folder: Path, job: Job, seen: list[str]) -> tuple[Outcome, dict[str, Any]]:
    task = GenerateTask(
        job,
        output_dir=folder,
        lora_files=None,  # type: ignore[arg-type]
        input_files=lambda _: {},
        preview=BoundedPreviewSettings,
        journal=None,
    )
    await asyncio.to_thread((folder / f".{job.id}.1.tmp").mkdir)
    image = MadeImage(file="image_0.png", seed=1, width=8, height=8)
    made = Generated(id=1, images=[image], seconds=1, write_seconds=1, warnings=seen)
    outcome = await task.publish(made, Run("2bb7294", []))
    return outcome, json.loads(await asyncio.to_thread((folder / job.id / "config.json").read_text))


def test_workers_carry_them_in_both_directions() -> None:
    job = _claimed(new_job(SAID))
    assignment = JobAssignment(job=job, preview=BoundedPreviewSettings())
    assert JobAssignment.model_validate_json(assignment.model_dump_json()).job.warnings == (SAID,)
    result = AttemptResult(attempt=Attempt.of(job), outcome=Outcome(warnings=(SEEN,)))
    assert AttemptResult.model_validate_json(result.model_dump_json()).outcome.warnings == (SEEN,)
