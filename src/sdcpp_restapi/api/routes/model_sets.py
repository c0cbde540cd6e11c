"""Sets of models: which there are, what a pull of one would fetch, pulling and removing."""

from functools import partial

from fastapi import APIRouter, Response

from ...schemas.model_sets import (
    PullAccepted,
    PullPlan,
    PullRequest,
    SetList,
    SetRemoval,
    SetsUpdated,
    SetView,
)
from ..app_state import State
from ..error_handlers import ERRORS
from ..response_cache import json_response
from ..submitting import REUSED, Once

router = APIRouter(prefix="/models", tags=["Models"], responses=ERRORS)


@router.get("/sets")
async def list_sets(state: State) -> SetList:
    """All sets of models: files that belong together, with what is needed to use them."""
    return await state.set_planner.list_sets()


@router.post("/sets/update")
async def update_sets(state: State) -> SetsUpdated:
    """Fetch the sets of the addresses in the setting downloads.sets_urls, and keep them."""
    return await state.set_updates.update()


@router.get("/sets/{name}", responses={404: ERRORS[400]})
async def view_set(name: str, state: State) -> SetView:
    """A set: its variants, which of them fit this machine, and what is on disk. No other server is asked."""
    return await state.set_planner.view(name)


@router.delete("/sets/{name}", responses={404: ERRORS[400]})
async def remove_set(name: str, state: State, plan: bool = False) -> SetRemoval:
    """Delete the files that a pull of this set brought, but for those that another set or a model in memory
    uses. With `plan=true` nothing is deleted."""
    return await state.set_remover.remove(name, only_plan=plan)


@router.post(
    "/pull",
    status_code=202,
    response_model=PullAccepted,
    responses={
        200: {"model": PullPlan, "description": "With `plan`: what would be done"},
        404: ERRORS[400],
        507: ERRORS[400],
        **REUSED,
    },
)
async def pull(body: PullRequest, state: State, jobs: Once) -> Response:
    """Fetch a set of models as one job: what is on disk already is not fetched again."""
    if body.plan:
        return json_response((await state.pulls.plan(body)).model_dump_json())
    return await jobs.submit(partial(state.pulls.submit, body))
