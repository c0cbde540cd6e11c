"""Workers: other machines that take jobs off this server's queue."""

from typing import Literal

from pydantic import Field

from .base import Frozen, LeftOut


class WorkerSlot(Frozen):
    """One device of a worker."""

    device: str
    model_name: str | None = None
    model_architecture: str | None = None
    busy: bool = False
    job_id: str | None = None
    problem: str | None = LeftOut


class WorkerView(Frozen):
    """One worker."""

    name: str
    state: Literal["ready", "lost", "refused"]
    problem: str | None = Field(None, description="Why it is refused")
    version: str | None = None
    engine: str | None = Field(None, description="The engine's revision")
    devices: list[str] = []
    slots: list[WorkerSlot] = []
    models: int = Field(0, description="How many model files it has")
    last_seen_seconds: float = Field(description="Seconds since its last sign of life, by the server's clock")
    jobs_done: int = 0
    failures: int = 0


class WorkerList(Frozen):
    """GET /workers."""

    workers: list[WorkerView] = []
