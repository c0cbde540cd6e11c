"""Who asks the queue for a job: a slot here, or one of a worker."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ..schemas.jobs import Job
from ..schemas.models import LoadRequest
from ..schemas.required_files import RequiredFiles


async def to_nobody(_job: Job) -> bool:
    """There is no other slot."""
    return False


@dataclass(frozen=True)
class ClaimRequest:
    """`slot` names a worker's slot, None is here; `can_run` None means that it can run everything.

    `pass_on` is asked when it could not load what a job needs: whether another slot can run the job.
    """

    slot: str | None = None
    holds: LoadRequest | None = None
    can_run: Callable[[RequiredFiles], Awaitable[bool]] | None = None
    pass_on: Callable[[Job], Awaitable[bool]] = to_nobody


HERE = ClaimRequest()
