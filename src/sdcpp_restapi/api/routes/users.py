"""Users and their quotas."""

from typing import Annotated

from fastapi import APIRouter, Body

from ...schemas.access import QuotaUpdate, UserList, UserRequest, UserView
from ...schemas.models import Done
from .. import examples_access as examples
from ..app_state import AppState, State
from ..error_handlers import ERRORS

router = APIRouter(prefix="/users", tags=["Users"], responses=ERRORS)


@router.get("")
async def users(state: State) -> UserList:
    """All users, with what they use of their quotas."""
    return UserList(users=await state.access.describe_users())


@router.post("", status_code=201, responses={409: ERRORS[400]})
async def add_user(
    body: Annotated[UserRequest, Body(openapi_examples=examples.USER)], state: State
) -> UserView:
    """Add a user, who comes in with keys: `POST /keys` with `user`.

    A user that had the name before left jobs, which are the new one's.
    """
    await state.access.users.add(body.name, body)
    return await _show(state, body.name, body)


@router.put("/{name}")
async def change_user(
    name: str, body: Annotated[QuotaUpdate, Body(openapi_examples=examples.QUOTA)], state: State
) -> UserView:
    """Change a user's quotas: what is left out stays, and null is as the settings say."""
    await state.access.users.change(name, body.changes())
    return await _show(state, name, body)


@router.delete("/{name}", responses={409: ERRORS[400]})
async def remove_user(name: str, state: State) -> Done:
    """Remove a user and revoke the user's keys. Jobs and files stay, for keys that manage to see."""
    revoked = await state.access.remove_user(name)
    return Done(message=f"User {name} removed, {len(revoked)} keys revoked")


async def _show(state: AppState, name: str, body: QuotaUpdate) -> UserView:
    view = await state.access.describe_user(name)
    return view.model_copy(update={"warnings": body.warn_of_unknown_fields() or None})
