"""A real chat model as small as they get, through the local provider: what it says is always valid."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sdcpp_restapi.llm.assistant.actions import build_answer_schema, check_proposals, read_proposals
from sdcpp_restapi.llm.assistant.dialogue import MAX_TOKENS, TEMPERATURE
from sdcpp_restapi.llm.assistant.prompt import build_instructions, build_user_message
from sdcpp_restapi.llm.local.chat_model_slot import ChatModelSlot
from sdcpp_restapi.schemas.chat import Answer, Chat
from sdcpp_restapi.schemas.llama import Completed
from tests.support.llm_upstream import SETTINGS, WEIGHTS
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import MODEL, serving

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def local(root: Path) -> Iterator[RunningServer]:
    """The assistant is answered by a model of the llm folder."""
    folder = root / "models" / "llm"
    folder.mkdir(parents=True)
    (folder / WEIGHTS.name).symlink_to(WEIGHTS)
    with serving(root, llm_threads="2") as running:
        # At a low priority, beside other tests, such a model may take a minute to read its instructions.
        running.http.timeout = 300
        running.http.put("/assistant/settings", json={"provider": "local", "timeout_seconds": 300})
        yield running


@pytest.mark.timeout(600)
@pytest.mark.proves("assistant_settings.provider")
def test_what_it_wants_loaded_and_made_comes_back_as_actions(local: RunningServer) -> None:
    loads = local.post("/assistant/chat", {"message": f"load {MODEL}"})
    assert {"type": "load_model", "parameters": {"model_name": MODEL}} in loads["actions"]
    local.http.delete("/assistant/history")
    makes = local.post("/assistant/chat", {"message": "make a picture of a cat"})
    prompts = [one["parameters"]["prompt"] for one in makes["actions"] if one["type"] == "generate"]
    assert "cat" in " ".join(prompts), makes


STATE: dict[str, Any] = {
    "loaded_model": "v1-5-pruned-emaonly.safetensors",
    "architecture": "SD1",
    "queue": {"waiting": 0, "running": 1},
    "newest_jobs": [
        {"job_id": "3f0c2b5e-7a51-4a3e-9f55-0d6a4c1f2b11", "status": "processing", "prompt": "a red barn"},
        {"job_id": "91aa77de-0c4b-4a57-8d39-bb2f4a7d8e20", "status": "completed", "prompt": "a castle"},
    ],
    "available_models": {
        "checkpoint": ["v1-5-pruned-emaonly.safetensors", "sdxl-base-1.0.safetensors"],
        "diffusion": ["flux1-dev-q8_0.gguf", "z-image-turbo-q4_k.gguf"],
        "esrgan": ["RealESRGAN_x4plus.pth"],
    },
}
# What the user says, and a piece of the action that should come of it; None: none should.
WANTED = {
    "Load the SDXL model": "sdxl-base-1.0.safetensors",
    "load flux1-dev-q8_0.gguf": "flux1-dev-q8_0.gguf",
    "Please switch to z-image": "z-image-turbo-q4_k.gguf",
    "Generate a picture of a lighthouse in a storm": "lighthouse",
    "draw an old fisherman": "fisherman",
    "Cancel job 3f0c2b5e-7a51-4a3e-9f55-0d6a4c1f2b11": "3f0c2b5e-7a51-4a3e-9f55-0d6a4c1f2b11",
    "Stop the red barn": "3f0c2b5e-7a51-4a3e-9f55-0d6a4c1f2b11",
    "Upscale the castle": "91aa77de-0c4b-4a57-8d39-bb2f4a7d8e20",
    "Hello, who are you?": None,
    "Which model is loaded?": None,
}


@pytest.mark.heavy
@pytest.mark.timeout(900)
async def test_answers_are_always_valid_and_half_of_them_are_what_was_wanted() -> None:
    slot = ChatModelSlot(SETTINGS)
    try:
        got = {asked: await _answer(slot, asked) for asked in WANTED}
    finally:
        await slot.close()
    print("\n".join(f"{asked!r}: {text}" for asked, text in got.items()))
    right = 0
    for asked, text in got.items():
        assert json.loads(text)["message"]
        actions, rejected = check_proposals(read_proposals(Answer(text=text, model="x"))[1])
        assert not rejected
        told = json.dumps([action.model_dump() for action in actions])
        wanted = WANTED[asked]
        # None of them asks for a video.
        right += (wanted in told and "txt2vid" not in told) if wanted else (not actions)
    # Half of them, give or take one: processors round differently.
    assert right >= len(WANTED) // 2 - 1


async def _answer(slot: ChatModelSlot, asked: str) -> str:
    chat = Chat(
        messages=[*build_instructions(by_tools=False), build_user_message(asked, STATE, {})],
        answer_schema=build_answer_schema(STATE["available_models"]),
        temperature=TEMPERATURE,
        max_tokens=MAX_TOKENS,
    )
    reports = [report async for report in slot.stream(WEIGHTS, chat)]
    assert isinstance(reports[-1], Completed)
    return reports[-1].text
