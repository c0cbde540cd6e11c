"""API keys, and the browsers that logged in with them."""

from typing import Annotated

from fastapi import APIRouter, Body

from ...requester import REQUESTER
from ...schemas.access import KeyList, KeyMade, KeyRequest, OwnAccess, SessionList
from ...schemas.models import Done
from .. import examples_access as examples
from ..app_state import State
from ..error_handlers import ERRORS

router = APIRouter(prefix="/keys", tags=["Keys"], responses=ERRORS)


@router.get("")
async def keys(state: State) -> KeyList:
    """All keys, without their secrets."""
    ring = state.access.keys
    return KeyList(keys=[ring.describe(key) for key in ring])


@router.post("", status_code=201, responses={409: ERRORS[400]})
async def add_key(body: Annotated[KeyRequest, Body(openapi_examples=examples.KEY)], state: State) -> KeyMade:
    """Make a key. Its secret is in this answer and nowhere else.

    The first key of a server must have the scope `manage`: from then on everybody needs a key.
    """
    key, secret = await state.access.add_key(body.name, body.scope, body.user)
    view = state.access.keys.describe(key)
    return KeyMade(**dict(view), key=secret, warnings=body.warn_of_unknown_fields() or None)


@router.get("/self")
async def own_access(state: State) -> OwnAccess:
    """What the client may do and see, and by which key."""
    asking = REQUESTER.get()
    by_key = "session" if asking.session_id else "key"
    return OwnAccess(
        by=by_key if state.access.required else "open",
        scope=asking.scope,
        key=asking.key_name,
        user=asking.user or None,
        sees="everything" if asking.sees is None else "own",
    )


@router.get("/sessions")
async def sessions(state: State) -> SessionList:
    """The browsers that are logged in."""
    return SessionList(sessions=state.access.describe_sessions())


@router.delete("/sessions/{session_id}")
async def end_session(session_id: str, state: State) -> Done:
    """Log a browser out."""
    await state.access.end_session(session_id)
    return Done(message="Session ended")


@router.delete("/{key}", responses={409: ERRORS[400]})
async def revoke_key(key: str, state: State) -> Done:
    """Revoke a key, by its id or its name. Its sessions, WebSockets and event streams end."""
    revoked = await state.access.revoke_key(key)
    return Done(message=f"Key {revoked.name} revoked")
