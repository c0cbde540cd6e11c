"""Whether the queue works, as GET /health and GET /health/ready tell it."""

from typing import Literal

from pydantic import Field

from .base import Frozen


class QueueState(Frozen):
    """`stalled` while something that became of a job cannot be stored; it is tried again until it is.

    `paused`: no job begins, and those that ran wait; also after a restart. `draining`: no job begins, and
    those that run go on. `starting` and `stopping` are told by GET /health/ready only.
    """

    state: Literal["running", "stalled", "paused", "draining", "starting", "stopping"] = "running"
    reason: str | None = Field(None, description="Why it stands still, in a sentence; null while it runs")


class Liveness(Frozen):
    """GET /health/live: the process answers."""

    status: Literal["ok"] = "ok"
