"""Prompts are remembered up to a bound, and told as ComfyUI tells them."""

import base64
import json
from typing import Any

import pytest

from sdcpp_restapi.compat.comfyui import prompts as module
from sdcpp_restapi.compat.comfyui.messages import translate
from sdcpp_restapi.compat.comfyui.prompts import Prompts, Submitted
from tests.support.comfyui_graphs import node, text_to_image


def submitted(prompt_id: str = "p", length: int = 10) -> Submitted:
    return Submitted(
        prompt_id=prompt_id,
        job_id=f"job {prompt_id}",
        number=1,
        graph={**text_to_image(), "10": node("PreviewImage", images=["8", 0])},
        length=length,
        client_id="me",
        before=("4", "6", "7", "5"),
        working="3",
        after=("8", "9", "10"),
        ends=("9", "10"),
    )


def kinds_of(messages: list[Any]) -> list[tuple[str, Any]]:
    read = [json.loads(message) for message in messages]
    return [(message["type"], message["data"].get("node")) for message in read]


def change(status: str, before: str = "processing", **fields: Any) -> dict[str, Any]:
    return {"status": status, "previous_status": before, "outputs": [], **fields}


def test_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 2)
    prompts = Prompts()
    for name in "abc":
        prompts.add(submitted(name))
    assert [prompt.prompt_id for prompt in prompts] == ["b", "c"]
    assert prompts.of_job("job a") is None
    monkeypatch.setattr(module, "MOST_CHARACTERS", 15)
    prompts.add(submitted("d"))
    assert [prompt.prompt_id for prompt in prompts] == ["d"]
    prompts.add(submitted("e", length=100))
    assert [prompt.prompt_id for prompt in prompts] == ["e"]
    assert prompts.of_job("job e") is prompts.get("e")


def test_nodes_are_at_work_one_after_the_other() -> None:
    begun = kinds_of(translate(submitted(), "job_status_changed", change("processing", "pending")))
    assert begun == [
        ("execution_start", None),
        ("execution_cached", None),
        *(("executing", node_id) for node_id in ("4", "6", "7", "5", "3")),
    ]
    done = translate(submitted(), "job_status_changed", change("completed", outputs=["j/image_0.png"]))
    assert kinds_of(done) == [
        ("executing", "8"),
        ("executing", "9"),
        ("executed", "9"),
        ("executing", "10"),
        ("executed", "10"),
        ("execution_success", None),
        ("executing", None),
    ]
    told = [json.loads(message) for message in done]
    outputs = [one["data"]["output"]["images"] for one in told if one["type"] == "executed"]
    assert outputs == [
        [{"filename": "image_0.png", "subfolder": "j", "type": kind}] for kind in ("output", "temp")
    ]


def test_a_failure_is_told_with_its_node() -> None:
    error, end = translate(submitted(), "job_status_changed", change("failed", error="no memory"))
    data = json.loads(error)["data"]
    assert (data["exception_message"], data["node_id"], data["node_type"]) == ("no memory", "3", "KSampler")
    assert kinds_of([end]) == [("executing", None)]


def test_only_a_running_prompt_is_interrupted() -> None:
    running = translate(submitted(), "job_status_changed", change("cancelled"))
    assert kinds_of(running)[0][0] == "execution_interrupted"
    assert translate(submitted(), "job_status_changed", change("cancelled", "pending")) == []
    assert translate(submitted(), "job_status_changed", change("pending")) == []
    assert translate(submitted(), "job_deleted", {}) == []


def test_progress_counts_all_steps_and_previews_are_binary() -> None:
    (message,) = translate(submitted(), "job_progress", {"current_all_steps": 3, "all_steps": 8})
    data = json.loads(message)["data"]
    assert data == {"value": 3, "max": 8, "prompt_id": "p", "node": "3"}
    image = "data:image/jpeg;base64," + base64.b64encode(b"jpeg").decode()
    assert translate(submitted(), "job_preview", {"image": image}) == [b"\0\0\0\1\0\0\0\1jpeg"]
