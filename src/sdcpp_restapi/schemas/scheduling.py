"""What every request for a job may say about its turn."""

from typing import Annotated

from pydantic import Field

from .base import NoBoolean
from .timestamps import WantedMoment
from .webhooks import WebhookFields

Priority = Annotated[int, Field(ge=-100, le=100), NoBoolean]


class JobRequest(WebhookFields):
    """A request that becomes a job."""

    priority: Priority = Field(0, description="Jobs with a higher one go first")
    preempt: bool = Field(
        False,
        description="Where no engine is free, one whose job has a lower priority takes this job first; the"
        " other one then goes on where it was",
    )
    not_before: WantedMoment | None = Field(
        None, description="The job waits until then, and lets others go first: ISO 8601 with a time zone"
    )
    client_id: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="Whose job it is: with the setting queue.fairness 'client', clients take turns",
    )
