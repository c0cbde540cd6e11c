"""The revisions of the engine that can run jobs now, and what they know."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..engine.binding.names import DEFAULT_REVISION, NAMES, EngineNames
from ..errors import BadRequest
from ..schemas.base import Request
from ..schemas.engine_names import ANY, SAME, list_unknown
from ..schemas.required_files import is_same_commit
from .engine_slot import EngineSlot, revision_of


@dataclass(frozen=True)
class EngineInUse:
    """That of this machine; of a server without one, that of its workers.

    Before any has come up, the names are those of the revision that is installed by default.
    """

    slots: Sequence[EngineSlot]
    workers: Callable[[], Iterable[str]]
    """The revisions of the workers that may be given jobs."""

    @property
    def revision(self) -> str | None:
        """The commit; None before one came up."""
        return revision_of(self.slots) or next(iter(self.workers()), None)

    @property
    def starting(self) -> bool:
        """Whether the engines of this machine come up for the first time, and no worker has one."""
        waiting = all(slot.child is None and slot.problem is None for slot in self.slots)
        return bool(self.slots) and waiting and self.revision is None

    @property
    def names(self) -> EngineNames:
        """What it knows."""
        reported = (slot.child.hello.names for slot in self.slots if slot.child)
        return next(reported, None) or _find_names(self.revision)

    def check(self, request: Request, wanted: str = ANY) -> None:
        """Raise BadRequest where the revision that is wanted does not know a name of the request."""
        own = wanted == ANY or (self.revision is not None and is_same_commit(wanted, self.revision))
        for told in list_unknown(request, self.names if own else _find_names(wanted)):
            raise BadRequest(told, field=told.partition(":")[0])

    def resolve(self, wanted: str) -> str:
        """ "any", or the commit that is wanted. Raises BadRequest where no engine of it could run a job."""
        if wanted == ANY:
            return ANY
        here = [*filter(None, [revision_of(self.slots)]), *self.workers()]
        if wanted == SAME:
            if not here:
                raise BadRequest(
                    "engine: 'same' names no revision, since no engine has come up yet", field="engine"
                )
            return here[0]
        if here and not any(is_same_commit(wanted, one) for one in here):
            raise BadRequest(
                f"engine: {wanted!r} is not allowed, since no engine of this revision is here; there is"
                f" {' and '.join(dict.fromkeys(here))}",
                field="engine",
            )
        return wanted


def _find_names(commit: str | None) -> EngineNames:
    """Those of a known revision, or else of the default one."""
    known = (names for one, names in NAMES.items() if commit and is_same_commit(one, commit))
    return next(known, NAMES[DEFAULT_REVISION])
