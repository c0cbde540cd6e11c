"""Deleting jobs with their files, and getting them back."""

from fastapi import APIRouter

from ...schemas.trash import Deleted, DeleteRequest, Restored, RestoreRequest
from ..app_state import State
from ..error_handlers import ERRORS

router = APIRouter(prefix="/queue", tags=["Queue"], responses=ERRORS)


@router.delete("/jobs")
async def delete(body: DeleteRequest, state: State) -> Deleted:
    """Put finished jobs into the trash with their files; with `purge`, delete them for good.

    When one of them waits or runs, nothing is deleted and the answer is a 400 that names it. What is in the
    trash is listed by `GET /queue?trash=true` and deleted for good after `retention.trash_days`.
    """
    return await state.trash.delete(body)


@router.post("/restore")
async def restore(body: RestoreRequest, state: State) -> Restored:
    """Take jobs out of the trash, with their files, to their old places in the queue's listing."""
    return await state.trash.restore(body)
