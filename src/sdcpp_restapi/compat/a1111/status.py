"""GET /queue/status of Gradio, on which the web UI is built: clients ask there whether it is up."""

from typing import Any

from fastapi import APIRouter

from ...api.app_state import State

router = APIRouter(tags=["Progress"])


@router.get("/queue/status")
async def status(state: State) -> dict[str, Any]:
    """How many jobs wait."""
    counts = await state.queue.counts()
    return {
        "msg": "estimation",
        "rank": None,
        "queue_size": counts["pending_count"],
        "avg_event_process_time": None,
        "avg_event_concurrent_process_time": None,
        "rank_eta": None,
        "queue_eta": 0,
    }
