"""The provider `local`: a real chat model in a child process of its own."""

import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest

from sdcpp_restapi.config import Llm
from sdcpp_restapi.errors import LlmFailed
from sdcpp_restapi.llm.local.chat_model_slot import ChatModelSlot
from sdcpp_restapi.llm.local.client import LlamaChild
from sdcpp_restapi.schemas.chat import Chat, Message
from sdcpp_restapi.schemas.llama import Complete, Completed, Piece
from tests.server.llm.conftest import LOCAL, put
from tests.support.llm_upstream import SETTINGS, WEIGHTS
from tests.support.running_server import RunningServer

SYSTEM = Message(role="system", content="You answer in one short sentence.")


def chat(*words: str, **options: Any) -> Chat:
    """User and assistant in turn."""
    roles = ("user", "assistant")
    spoken = [Message(role=roles[i % 2], content=text) for i, text in enumerate(words)]
    return Chat(messages=[SYSTEM, *spoken], **{"temperature": 0, "max_tokens": 24, **options})


async def completed(slot: ChatModelSlot, question: Chat, path: Path = WEIGHTS) -> Completed:
    """The whole answer, which must be what its pieces are."""
    text = ""
    async with aclosing(slot.stream(path, question)) as reports:
        async for report in reports:
            if isinstance(report, Completed):
                assert text == report.text
                return report
            text += report.text
    raise AssertionError("no answer")


def children(of: int | None = None) -> list[psutil.Process]:
    """The living children with a chat model."""
    return [
        child for child in psutil.Process(of).children() if "sdcpp_restapi.llm.local.child" in child.cmdline()
    ]


# ---------------------------------------------------------------- through the server


@pytest.fixture
def local(server: RunningServer) -> RunningServer:
    put(server, provider="local", model="", temperature=0, max_tokens=48, timeout_seconds=100)
    return server


@pytest.mark.proves("ollama_settings.provider")
def test_a_model_of_the_llm_folder_changes_the_prompt_and_keeps_its_subject(local: RunningServer) -> None:
    answer = local.post("/ollama/enhance", {"prompt": "a knight fighting a dragon"})
    assert answer["model_used"] == LOCAL
    assert len(answer["enhanced_prompt"]) > 40
    assert "knight" in answer["enhanced_prompt"].lower()
    assert local.get("/ollama/status")["connected"] is True
    assert "error" not in local.get("/ollama/status")


def test_parts_that_only_see_and_files_of_other_kinds_are_no_chat_models(local: RunningServer) -> None:
    for name in ("mmproj-Qwen2.5-VL.gguf", "qwen.safetensors"):
        (local.models_dir / "llm" / name).touch()
    local.post("/models/refresh")
    assert local.get("/ollama/models") == {"models": [LOCAL]}
    put(local, model="qwen.safetensors")
    error = local.post("/ollama/enhance", {"prompt": "a cat"}, expect=500)["error"]
    assert error == f"The llm folder has no chat model 'qwen.safetensors'; it has: {LOCAL}"


@pytest.mark.heavy
def test_a_broken_file_fails_with_its_reason_and_the_next_model_works(local: RunningServer) -> None:
    folder = local.models_dir / "llm"
    (folder / "cut.gguf").write_bytes(WEIGHTS.read_bytes()[:50_000_000])
    (folder / "text.gguf").write_text("hello")
    for name, words in (("cut.gguf", "the file is cut off"), ("text.gguf", "no .gguf file")):
        put(local, model=name)
        error = local.post("/ollama/enhance", {"prompt": "a cat"}, expect=500)["error"]
        assert error.startswith(f"{name} cannot be loaded: ")
        assert words in error
        (folder / name).unlink()
    local.post("/models/refresh")
    put(local, model=LOCAL)
    assert local.post("/ollama/enhance", {"prompt": "a cat"})["success"] is True


@pytest.mark.heavy
def test_a_crash_of_it_harms_nobody(local: RunningServer) -> None:
    local.post("/ollama/enhance", {"prompt": "a cat"})
    (child,) = children(local.process.pid)
    child.kill()
    local.wait_for_log("language model's process was killed by SIGKILL")
    assert local.make(prompt="a", steps=2, width=64, height=64)["status"] == "completed"
    assert local.post("/ollama/enhance", {"prompt": "a cat"})["success"] is True


# ---------------------------------------------------------------- the seat


@pytest.mark.heavy
async def test_what_was_read_already_is_not_read_again_and_changes_no_answer(slot: ChatModelSlot) -> None:
    first = await completed(slot, chat("Name a colour."))
    again = await completed(slot, chat("Name a colour."))
    assert again.text == first.text
    assert again.read_tokens == 1
    longer = chat("Name a colour.", first.text, "And an animal?")
    followed = await completed(slot, longer)
    assert followed.read_tokens < first.read_tokens
    await slot.close()
    fresh = ChatModelSlot(SETTINGS)
    assert (await completed(fresh, longer)).text == followed.text
    await fresh.close()


def action(name: str, **fields: Any) -> dict[str, Any]:
    properties = {"type": {"const": name}, **fields}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "message": {"type": "string", "maxLength": 30},
        "actions": {
            "type": "array",
            "maxItems": 2,
            "items": {
                "oneOf": [
                    action("load_model", model_name={"enum": ["a.gguf", "b.gguf"]}),
                    action("generate", steps={"type": "integer", "minimum": 1, "maximum": 150}),
                ]
            },
        },
    },
    "required": ["message", "actions"],
    "additionalProperties": False,
}


@pytest.mark.heavy
async def test_an_answer_held_to_a_schema_has_its_shape_however_wild_the_model(slot: ChatModelSlot) -> None:
    question = chat("Load a model.", answer_schema=SCHEMA, temperature=2, max_tokens=400)
    jsonschema.validate(json.loads((await completed(slot, question)).text), SCHEMA)


@pytest.mark.heavy
async def test_a_process_that_dies_while_it_answers_fails_the_call_and_the_next_one_works(
    slot: ChatModelSlot,
) -> None:
    async with aclosing(slot.stream(WEIGHTS, chat("Tell a story.", max_tokens=1000))) as reports:
        await anext(reports)
        (child,) = children()
        child.kill()
        with pytest.raises(LlmFailed, match="The language model's process was killed by SIGKILL"):
            async for _report in reports:
                pass
    assert (await completed(slot, chat("Name a colour."))).text


@pytest.mark.heavy
async def test_a_conversation_that_is_too_long_is_refused_and_the_child_lives(slot: ChatModelSlot) -> None:
    with pytest.raises(LlmFailed, match=r"has \d+ tokens, .* takes 2048 \(setting llm\.context\)"):
        await completed(slot, chat("hello " * 3000))
    (child,) = children()
    assert (await completed(slot, chat("Name a colour."))).text
    assert children() == [child]


@pytest.mark.heavy
async def test_an_answer_that_nobody_waits_for_stops_at_once(slot: ChatModelSlot) -> None:
    endless: Any = {"type": "array", "items": {"const": "more"}, "minItems": 900}
    async with aclosing(
        slot.stream(WEIGHTS, chat("Go on.", answer_schema=endless, max_tokens=2000))
    ) as reports:
        assert isinstance(await anext(reports), Piece)
    (child,) = children()
    made = (await completed(slot, chat("Name a colour."))).made_tokens
    assert children() == [child], "it obeyed, so it was not replaced"
    assert made <= 24


@pytest.mark.heavy
async def test_a_model_nobody_asks_is_unloaded(slot: ChatModelSlot) -> None:
    short = ChatModelSlot(Llm(threads=1, context=512, unload_after=0))
    await completed(short, chat("Name a colour."))
    (child,) = children()
    await asyncio.to_thread(child.wait, 60)
    assert (await completed(short, chat("Name a colour."))).text
    await short.close()
    assert not children()


@pytest.mark.heavy
async def test_another_model_takes_the_place_of_the_first(slot: ChatModelSlot, tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.symlink_to(WEIGHTS)
    await completed(slot, chat("Name a colour."))
    (child,) = children()
    await completed(slot, chat("Name a colour."), other)
    assert not child.is_running()
    assert len(children()) == 1


@pytest.mark.heavy
async def test_a_load_goes_on_when_the_first_who_asked_has_left(slot: ChatModelSlot) -> None:
    asking = asyncio.create_task(completed(slot, chat("Name a colour.")))
    while not children():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    (child,) = children()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (await completed(slot, chat("Name a colour."))).text
    assert children() == [child]


@pytest.mark.heavy
async def test_the_process_is_polite_and_has_nothing_of_the_picture_engine(slot: ChatModelSlot) -> None:
    await completed(slot, chat("Name a colour."))
    (child,) = children()
    mapped = {os.path.basename(region.path) for region in child.memory_maps()}
    assert any("llama_cpp" in name for name in mapped)
    assert not any("stable_diffusion" in name for name in mapped)
    assert child.nice() == 10
    assert "--threads=1" in child.cmdline()


def test_half_of_the_cores_are_left_to_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    from sdcpp_restapi.llm.local import client

    monkeypatch.setattr(psutil, "cpu_count", lambda logical: 16)
    assert client._count_threads() == 8
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: 1)
    assert client._count_threads() == 1


@pytest.mark.heavy
def test_the_child_ends_with_its_server_also_while_it_reads_a_conversation() -> None:
    ours, theirs = socket.socketpair()
    arguments = ["--threads=1", "--context=8192", "--gpu-layers=0", f"--model={WEIGHTS}"]
    with theirs:
        command = [sys.executable, "-m", LlamaChild.kind.module, *arguments, f"--fd={theirs.fileno()}"]
        process = subprocess.Popen(command, pass_fds=(theirs.fileno(),))
    child = psutil.Process(process.pid)
    with ours, ours.makefile("rb") as lines:
        assert json.loads(lines.readline())["kind"] == "ready"
        used = child.cpu_times().user
        long = " ".join(random.Random(1).choices(["red", "green", "cat", "dog", "house"], k=7000))
        ours.sendall(Complete(id=1, chat=chat(long, max_tokens=1000)).model_dump_json().encode() + b"\n")
        while child.cpu_times().user < used + 0.5:
            time.sleep(0.02)
    # Reading would take it a quarter of a minute, writing as much again.
    assert process.wait(10) == 0
