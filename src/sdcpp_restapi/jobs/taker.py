"""Who asks the queue for a job: a slot here, or one of a worker."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ..schemas.models import LoadRequest
from ..schemas.needs import Needs


@dataclass(frozen=True)
class Taker:
    """`slot` names a worker's slot, None is here; `can_run` None means that it can run everything."""

    slot: str | None = None
    holds: LoadRequest | None = None
    can_run: Callable[[Needs], Awaitable[bool]] | None = None


HERE = Taker()
