"""What a job does to get by with less memory: rungs of a ladder, each slower or less exact than the last one.

A job that runs out of memory is tried again one rung further down; the rung is remembered for its model,
device and size, so that the next such job begins there.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from ..db import Database
from ..schemas.generation import GenerationRequest
from ..schemas.jobs import Job
from ..schemas.models import LoadOptions
from .working_memory import count_pixels

# For so long a rung is remembered: what else needed the memory then may be gone.
REMEMBERED = timedelta(days=7)


class Rung(IntEnum):
    """How much less memory a job is to take."""

    NONE = 0
    TILED = 1
    OFFLOADED = 2

    @property
    def told(self) -> str:
        """What the job does on this rung and those before, to go on a sentence."""
        if self is Rung.OFFLOADED:
            return "the VAE decodes in tiles and the model's parameters wait in main memory (offload_to_cpu)"
        return "the VAE decodes in tiles (vae_tiling)"


def descend(job: Job, rung: Rung) -> Job:
    """The job as it is run on a rung."""
    changes: dict[str, object] = {}
    if rung >= Rung.TILED:
        changes["params"] = job.params.model_copy(update={"vae_tiling": True})
    if rung >= Rung.OFFLOADED and job.model is not None:
        options = job.model.options.model_copy(update={"offload_to_cpu": True})
        changes["model"] = job.model.model_copy(update={"options": options})
    return job.model_copy(update=changes)


def find_next_rung(job: Job, rung: Rung, *, on_cpu: bool, while_loading: bool) -> Rung | None:
    """The next rung that changes something for a job that ran out of memory on this one, if there is one."""
    if not isinstance(job.params, GenerationRequest) or job.model is None:
        return None
    if rung < Rung.TILED and not job.params.vae_tiling and not while_loading:
        return Rung.TILED
    # On the CPU, parameters are in main memory anyway.
    if rung < Rung.OFFLOADED and not on_cpu and not _places_weights(job.model.options):
        return Rung.OFFLOADED
    return None


def _places_weights(options: LoadOptions) -> bool:
    return bool(
        options.offload_to_cpu
        or options.free_params_immediately
        or options.params_backend
        or options.auto_fit
    )


class MemoryRungs:
    """The table memory_rungs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, job: Job, device: str) -> Rung:
        """Where such a job begins."""
        if not isinstance(job.params, GenerationRequest) or job.model is None:
            return Rung.NONE
        oldest = (datetime.now(UTC) - REMEMBERED).isoformat()
        key = *_key_of(job, device), oldest
        row = await self._database.read(
            lambda db: db.execute(
                "SELECT rung FROM memory_rungs WHERE model = ? AND device = ? AND pixels = ? AND since > ?",
                key,
            ).fetchone()
        )
        return Rung(row[0]) if row else Rung.NONE

    async def remember(self, job: Job, device: str, rung: Rung) -> None:
        """Such jobs begin on this rung from now on."""
        row = *_key_of(job, device), int(rung), datetime.now(UTC).isoformat()
        await self._database.write_cache(
            "what a job needed to get by with less memory",
            lambda db: db.execute("INSERT OR REPLACE INTO memory_rungs VALUES (?, ?, ?, ?, ?)", row).rowcount,
        )


def _key_of(job: Job, device: str) -> tuple[str, str, int]:
    assert isinstance(job.params, GenerationRequest)
    assert job.model is not None
    model = hashlib.sha256(job.model.identity().encode()).hexdigest()[:16]
    return model, device, count_pixels(job.params)
