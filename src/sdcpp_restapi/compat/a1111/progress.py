"""How far the present job of this interface is, what it looks like, and stopping it."""

import time
from typing import Any

from fastapi import APIRouter

from ...schemas.jobs import JobStatus, JobView
from .drawings import Drawing
from .webui import WebuiState

router = APIRouter(tags=["Progress"])

# The least that the web UI tells of something that has begun.
_BEGUN = 0.01


@router.get("/progress")
async def progress(webui: WebuiState, skip_current_image: bool = False) -> dict[str, Any]:
    """How far the present job of this interface is, with a picture of it unless that is not wanted."""
    current = await webui.drawings.find_current()
    if current is None:
        return _answer(0.0, 0.0, _describe(None, None), None, None)
    drawing, job = current
    if not skip_current_image:
        webui.drawings.follow(drawing)
    if job.status is JobStatus.PENDING:
        text = f"Waiting in the queue, position {job.position}"
        return _answer(0.0, 0.0, _describe(drawing, job), None, text)
    done = max(job.progress.percentage / 100, _BEGUN)
    started = job.timings.started_at
    elapsed = time.time() - started.timestamp() if started else 0.0
    left = job.eta_seconds if job.eta_seconds is not None else max(elapsed / done - elapsed, 0.0)
    image = None if skip_current_image else drawing.preview
    return _answer(done, left, _describe(drawing, job), image, None)


def _answer(
    done: float, seconds_left: float, state: dict[str, Any], image: str | None, text: str | None
) -> dict[str, Any]:
    return {
        "progress": done,
        "eta_relative": seconds_left,
        "state": state,
        "current_image": image,
        "textinfo": text,
    }


def _describe(drawing: Drawing | None, job: JobView | None) -> dict[str, Any]:
    progress = job.progress if job else None
    return {
        "skipped": drawing.skipped if drawing else False,
        "interrupted": drawing.interrupted if drawing else False,
        "stopping_generation": False,
        "job": drawing.name if drawing else "",
        "job_count": progress.total_images if progress else 0,
        "job_timestamp": f"{job.timings.created_at:%Y%m%d%H%M%S}" if job else "0",
        "job_no": progress.current_image if progress else 0,
        "sampling_step": progress.step if progress else 0,
        "sampling_steps": progress.total_steps if progress else 0,
    }


@router.post("/interrupt")
async def interrupt(webui: WebuiState) -> dict[str, Any]:
    """Stop the present job of this interface; who waits for it gets the images that are finished."""
    await webui.drawings.stop_current(skip=False)
    return {}


@router.post("/skip")
async def skip(webui: WebuiState) -> dict[str, Any]:
    """As /interrupt: an image of a batch can't be left out alone, which the answer of the job says."""
    await webui.drawings.stop_current(skip=True)
    return {}
