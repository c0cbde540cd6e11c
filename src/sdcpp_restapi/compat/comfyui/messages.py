"""Events of jobs as the messages that ComfyUI sends over its WebSocket."""

import base64
import json
import struct
import time
from typing import Any

from ...schemas.jobs import JobStatus, JobView
from .outputs import list_outputs
from .prompts import Submitted

# Of a binary message: it is a preview, and the preview is a JPEG.
_PREVIEW, _JPEG = 1, 1

type Message = str | bytes


def make_message(kind: str, data: dict[str, Any]) -> str:
    """A message of text."""
    return json.dumps({"type": kind, "data": data})


def make_status(remaining: int, client_id: str | None = None) -> str:
    """How many jobs wait or run; the first one to a client tells it its id."""
    status = {"status": {"exec_info": {"queue_remaining": remaining}}}
    return make_message("status", {**status, "sid": client_id} if client_id is not None else status)


def make_executing(prompt: Submitted, node_id: str | None) -> str:
    """Which node is at work; None once none is."""
    return make_message(
        "executing", {"node": node_id, "display_node": node_id, "prompt_id": prompt.prompt_id}
    )


def translate(prompt: Submitted, event: str, data: dict[str, Any]) -> list[Message]:
    """What a client hears of an event of the prompt's job. `event` and `data` are those of our WebSocket."""
    match event:
        case "job_status_changed":
            return _translate_status(prompt, data)
        case "job_progress":
            progress = {
                "value": data["current_all_steps"],
                "max": data["all_steps"],
                "prompt_id": prompt.prompt_id,
                "node": prompt.working,
            }
            return [make_message("progress", progress)]
        case "job_preview":
            picture = base64.b64decode(data["image"].partition(",")[2])
            return [struct.pack(">II", _PREVIEW, _JPEG) + picture]
    return []


def _translate_status(prompt: Submitted, data: dict[str, Any]) -> list[Message]:
    before = data["previous_status"]
    match JobStatus(data["status"]):
        case JobStatus.PROCESSING:
            return _begin(prompt)
        case JobStatus.COMPLETED:
            return _complete(prompt, data["outputs"])
        case JobStatus.FAILED:
            return _break_off(prompt, "execution_error", _describe_error(data.get("error") or ""))
        case JobStatus.CANCELLED if before == JobStatus.PROCESSING:
            return _break_off(prompt, "execution_interrupted", {})
    return []


def _begin(prompt: Submitted) -> list[Message]:
    about = {"prompt_id": prompt.prompt_id, "timestamp": _now()}
    return [
        make_message("execution_start", about),
        make_message("execution_cached", {"nodes": [], **about}),
        *(make_executing(prompt, node_id) for node_id in (*prompt.before, prompt.working)),
    ]


def _complete(prompt: Submitted, outputs: list[str]) -> list[Message]:
    messages: list[Message] = []
    images = list_outputs(prompt, outputs)
    for node_id in prompt.after:
        messages.append(make_executing(prompt, node_id))
        if node_id in images:
            told = {"node": node_id, "display_node": node_id, "output": images[node_id]}
            messages.append(make_message("executed", {**told, "prompt_id": prompt.prompt_id}))
    success = {"prompt_id": prompt.prompt_id, "timestamp": _now()}
    return [*messages, make_message("execution_success", success), make_executing(prompt, None)]


def _break_off(prompt: Submitted, kind: str, why: dict[str, Any]) -> list[Message]:
    about = {
        "prompt_id": prompt.prompt_id,
        "node_id": prompt.working,
        "node_type": prompt.class_of(prompt.working),
        "executed": list(prompt.before),
        "timestamp": _now(),
    }
    return [make_message(kind, {**about, **why}), make_executing(prompt, None)]


def _describe_error(error: str) -> dict[str, Any]:
    return {
        "exception_message": error,
        "exception_type": "JobFailed",
        "traceback": [],
        "current_inputs": {},
        "current_outputs": [],
    }


def describe_end(prompt: Submitted, job: JobView) -> list[Any]:
    """The message of a prompt that was not completed, as the history repeats it."""
    if job.status is JobStatus.CANCELLED:
        message = _break_off(prompt, "execution_interrupted", {})[0]
    else:
        message = _break_off(prompt, "execution_error", _describe_error(job.error or ""))[0]
    told = json.loads(message)
    return [told["type"], told["data"]]


def _now() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)
