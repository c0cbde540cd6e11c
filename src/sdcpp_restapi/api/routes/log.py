"""The end of the server's log, for people who have no shell on its machine."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query

from ... import logs
from ...schemas.log import LogTail
from ..app_state import State
from ..error_handlers import ERRORS

router = APIRouter(tags=["Health"], responses=ERRORS)


@router.get("/log")
async def log(state: State, lines: Annotated[int, Query(ge=1, le=5000)] = 200) -> LogTail:
    """The newest entries of the server's log."""
    return LogTail(entries=await asyncio.to_thread(logs.read_tail, state.settings.paths.data_dir, lines))
