"""GET /workers."""

from fastapi import APIRouter

from ...schemas.workers import WorkerList
from ..app_state import Here

router = APIRouter(tags=["Workers"])


@router.get("/workers")
async def workers(here: Here) -> WorkerList:
    """The other machines that take jobs off this queue; none without a broker (`cluster.urls`)."""
    return WorkerList(workers=here.registry.views() if here.registry else [])
