"""A server's folders as they look after a long time: many model files, many finished jobs."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from sdcpp_restapi.db import Database
from sdcpp_restapi.events import EventBus
from sdcpp_restapi.jobs.queue.new_job import NewJob
from sdcpp_restapi.jobs.queue.queue import Queue
from sdcpp_restapi.jobs.queue.store import JobStore
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.jobs import Outcome
from sdcpp_restapi.schemas.models import LoadRequest

FOLDERS = ("checkpoints", "diffusion_models", "loras", "vae", "clip")
PROMPT = "a lighthouse on a cliff above a stormy sea at dusk, oil painting, dramatic light, highly detailed"


def add_models(models_dir: Path, first: int, last: int) -> None:
    """Small files with these numbers, spread over some types and folders; the engine would refuse them."""
    for number in range(first, last):
        type_folder = models_dir / FOLDERS[number % len(FOLDERS)]
        path = type_folder / f"collection_{number % 20:02}" / f"some-model-name-v{number:05}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no model")


def add_jobs(data_dir: Path, count: int) -> None:
    """A database with so many completed jobs."""
    data_dir.mkdir(parents=True, exist_ok=True)
    asyncio.run(_add_jobs(data_dir / "sdcpp.db", count))


def add_outputs(data_dir: Path, output_dir: Path, size: int) -> list[str]:
    """The folders of all jobs of a database, with so many bytes in each; the ids, oldest first."""
    with closing(sqlite3.connect(data_dir / "sdcpp.db")) as db:
        ids = [job_id for (job_id,) in db.execute("SELECT id FROM jobs ORDER BY seq")]
    for job_id in ids:
        folder = output_dir / job_id
        folder.mkdir(parents=True)
        (folder / "image_0.png").write_bytes(b"x" * size)
    return ids


async def _add_jobs(path: Path, count: int) -> None:
    database = await Database.open(path)
    try:
        queue = Queue(JobStore(database), EventBus())
        params = Txt2ImgRequest(prompt=PROMPT, seed=1)
        await queue.submit(NewJob(type="txt2img", params=params, model=_MODEL))
        job = await queue.claim("engine")
        assert job is not None
        await queue.complete(job, Outcome(outputs=(f"{job.id}/image_0.png",)))
        await database.write(lambda db: _multiply(db, count - 1))
    finally:
        await database.close()


_MODEL = LoadRequest(model_name="some-model.safetensors", vae="some-vae.safetensors")


def _multiply(db: sqlite3.Connection, count: int) -> None:
    job = dict(db.execute("SELECT * FROM jobs").fetchone())
    # Without columns that are made of others.
    stored = [
        name for (name,) in db.execute("SELECT name FROM pragma_table_info('jobs') WHERE name != 'seq'")
    ]
    columns, values = ", ".join(stored), ", ".join(f":{name}" for name in stored)
    db.executemany(
        f"INSERT INTO jobs ({columns}) VALUES ({values})",  # noqa: S608 - the table's own column names
        ({**job, "id": str(uuid4())} for _ in range(count)),
    )
