"""Whether the queue works, as GET /health and GET /health/ready tell it."""

from typing import Literal

from pydantic import Field

from .base import Frozen


class QueueState(Frozen):
    """`stalled` while something that became of a job cannot be stored; it is tried again until it is."""

    state: Literal["running", "stalled"] = "running"
    reason: str | None = Field(None, description="Why it stands still, in a sentence; null while it runs")
