"""Sending prompts, and what becomes of them."""

from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from ...api.app_state import AppState, State
from ...background import BackgroundTasks
from ...errors import CannotCancel, JobNotFound
from ...schemas.jobs import JobStatus
from .history import count_remaining, describe_history, describe_queue
from .parts import Graphs, Known
from .shapes import FreeBody, InterruptBody, PromptBody, QueueBody

router = APIRouter()

_background = BackgroundTasks()


@router.post("/prompt")
async def send_prompt(body: PromptBody, graphs: Graphs) -> dict[str, Any]:
    """Make a graph a job. `warnings` tell what of it does not act."""
    prompt, warnings = await graphs.submit(body)
    told = {"warnings": warnings} if warnings else {}
    return {"prompt_id": prompt.prompt_id, "number": prompt.number, "node_errors": {}, **told}


@router.get("/prompt")
async def queue_info(state: State) -> dict[str, Any]:
    """How many jobs wait or run."""
    return {"exec_info": {"queue_remaining": await count_remaining(state)}}


@router.get("/queue")
async def queue(state: State, known: Known) -> dict[str, list[Any]]:
    """The jobs for the engine that run or wait, also those of others."""
    return await describe_queue(state, known)


@router.post("/queue")
async def change_queue(body: QueueBody, state: State, known: Known) -> Response:
    """Take prompts out of the queue that wait: some, or all that came by this interface."""
    waiting = [prompt.job_id for prompt in known] if body.clear else []
    for prompt_id in body.delete:
        prompt = known.get(prompt_id)
        waiting.append(prompt.job_id if prompt else prompt_id)
    for job_id in dict.fromkeys(waiting):
        await _cancel(state, job_id, JobStatus.PENDING)
    return Response()


@router.get("/history")
async def history(
    state: State,
    known: Known,
    max_items: Annotated[int | None, Query(ge=0)] = None,
    offset: Annotated[int, Query(ge=-1)] = -1,
) -> dict[str, Any]:
    """The prompts that have ended, the newest ones if there may only be `max_items`."""
    everything = list((await describe_history(state, known)).items())
    if max_items is None:
        return dict(everything[max(offset, 0) :])
    begin = offset if offset >= 0 else max(0, len(everything) - max_items)
    return dict(everything[begin : begin + max_items])


@router.get("/history/{prompt_id}")
async def history_of(prompt_id: str, state: State, known: Known) -> dict[str, Any]:
    """One prompt, once it has ended."""
    return await describe_history(state, known, prompt_id)


@router.post("/history")
async def change_history(body: QueueBody, state: State, known: Known) -> Response:
    """Forget prompts that have ended. Their jobs and pictures stay."""
    ended = await describe_history(state, known)
    for prompt_id in ended if body.clear else body.delete:
        if prompt_id in ended:
            known.forget(prompt_id)
    return Response()


@router.post("/interrupt")
async def interrupt(state: State, known: Known, body: InterruptBody | None = None) -> Response:
    """Cancel the prompts of this interface that run, or one of them."""
    wanted = body.prompt_id if body else None
    for prompt in known:
        if wanted in (None, prompt.prompt_id) and prompt.ended is None:
            await _cancel(state, prompt.job_id, JobStatus.PROCESSING)
    return Response()


@router.post("/free")
async def free(body: FreeBody, state: State) -> Response:
    """Unload the model and the upscaler, once the running job is done."""
    if body.unload_models or body.free_memory:
        _background.spawn(_unload(state))
    return Response()


async def _unload(state: AppState) -> None:
    await state.model.unload()
    await state.upscaler.unload()


async def _cancel(state: AppState, job_id: str, status: JobStatus) -> None:
    """Cancel a job in this state; in any other, it stays as it is."""
    with suppress(JobNotFound, CannotCancel):
        if (await state.queue.get(job_id)).status is status:
            await state.queue.cancel(job_id)
            state.runners.stop(job_id)
