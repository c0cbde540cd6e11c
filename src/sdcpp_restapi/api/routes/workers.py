"""GET /workers."""

from fastapi import APIRouter

from ...schemas.workers import WorkerList
from ..app_state import State

router = APIRouter(tags=["Workers"])


@router.get("/workers")
async def workers(state: State) -> WorkerList:
    """The other machines that take jobs off this queue; none without a broker (`cluster.urls`)."""
    return WorkerList(workers=state.registry.views() if state.registry else [])
