"""Who the request at hand comes from: the guard sets it for each one, and what shows jobs and files asks.

A context variable reaches what a request calls, also in threads and tasks that it begins. What the server
does by itself has none, and may see everything.
"""

from contextvars import ContextVar
from dataclasses import dataclass

from .schemas.access import SCOPES, KeyScope

# Where a request that the server sends to itself carries its requester: no network can put it there.
SCOPE_ENTRY = "sdcpp.requester"


@dataclass(frozen=True, slots=True)
class Requester:
    """A client, by the key or the session that it came with.

    `user` is whose jobs it makes, "" = nobody's. `sees`: whose jobs and files it may see, None = everybody's.
    """

    scope: KeyScope = "manage"
    user: str = ""
    sees: str | None = None
    key_id: str | None = None
    key_name: str | None = None
    session_id: str | None = None

    def may(self, scope: KeyScope) -> bool:
        """Whether its scope includes this one."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)


# Nobody is asked for a key, or the server itself acts.
EVERYBODY = Requester()
# A key would be needed, but not for what is asked.
NOBODY = Requester(scope="read", sees="")
REQUESTER: ContextVar[Requester] = ContextVar("requester", default=EVERYBODY)


def seen_user() -> str | None:
    """The user whose jobs and files alone the request at hand may see; None = it may see all."""
    return REQUESTER.get().sees


def may_see(user: str) -> bool:
    """Whether the request at hand may see what belongs to this user ("" = to nobody)."""
    sees = seen_user()
    return sees is None or sees == user
