"""`execute: true`: the server carries out what is safe, reports it, and proposes the rest."""

import json
from typing import Any

import pytest

from tests.server.assistant.conftest import ESRGAN, WRITING, Assistant
from tests.support.scripted_engine import MODEL, NEVER_ENDING, REFUSED, SHORT

UNLOAD = {"type": "unload_model", "parameters": {}}


def done(assistant: Assistant, name: str, **parameters: Any) -> Any:
    """What the server did when the model called one safe action."""
    assistant.will_call((name, parameters))
    assistant.will_say("That is done.")
    answer = assistant.chat(execute=True)
    assert answer["message"] == "That is done."
    assert answer["actions"] == []
    (deed,) = answer["executed"]
    assert deed["type"] == name
    assert deed["parameters"].items() >= parameters.items()
    return deed


@pytest.mark.proves("assistant_chat.execute")
@pytest.mark.parametrize("model", ["calling_by_script", WRITING])
def test_without_execute_nothing_happens_and_with_it_a_job_is_made(assistant: Assistant, model: str) -> None:
    assistant.set(model=model)
    wish = {"type": "generate", "parameters": {"prompt": "a lighthouse", "steps": 2}}
    before = assistant.server.get("/queue")["total_count"]
    assistant.will_propose(wish)
    assert assistant.chat()["actions"][0]["type"] == "generate"
    assert assistant.server.get("/queue")["total_count"] == before
    assistant.will_propose(wish)
    assistant.will_propose(saying="It is being made.")
    answer = assistant.chat(execute=True)
    assert answer["message"] == "I propose that.\n\nIt is being made."
    (deed,) = answer["executed"]
    assert deed["success"] is True
    job = assistant.server.wait_for_job(deed["result"]["job_id"])
    assert (job["status"], job["params"]["prompt"], job["params"]["steps"]) == (
        "completed",
        "a lighthouse",
        2,
    )


def test_a_job_of_the_assistant_takes_the_models_own_defaults(assistant: Assistant) -> None:
    deed = done(assistant, "generate", prompt="a cat")
    job = assistant.server.wait_for_job(deed["result"]["job_id"])
    assert job["params"]["use_architecture_defaults"] is True


def test_the_model_hears_what_came_of_its_calls(assistant: Assistant) -> None:
    assistant.will_call(("search_jobs", {"search": "nothing like that"}), ("unload_model", {}))
    assistant.will_say("There are none.")
    answer = assistant.chat(execute=True)
    *_, call, found, waiting = assistant.asked()["messages"]
    assert [one["function"]["name"] for one in call["tool_calls"]] == ["search_jobs", "unload_model"]
    assert (found["role"], found["tool_name"]) == ("tool", "search_jobs")
    assert json.loads(found["content"])["result"] == {"found": 0, "jobs": []}
    assert "waits for the user" in waiting["content"]
    assert answer["actions"] == [UNLOAD]


def test_two_calls_of_a_kind_have_their_own_results(assistant: Assistant) -> None:
    first, second = (assistant.server.make(**SHORT)["job_id"] for _ in range(2))
    assistant.will_call(("get_job", {"job_id": first}), ("get_job", {"job_id": second}))
    assistant.will_say("I see.")
    assistant.chat(execute=True)
    results = [json.loads(message["content"])["result"] for message in assistant.asked()["messages"][-2:]]
    assert [result["job_id"] for result in results] == [first, second]


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("unload_model", {}),
        ("unload_upscaler", {}),
        ("convert_model", {"input_path": MODEL, "output_type": "q8_0"}),
        ("download_model", {"model_type": "lora", "url": "http://localhost:9/a.safetensors"}),
        ("set_setting", {"name": "steps", "value": 3}),
    ],
)
def test_what_loses_or_fills_something_or_is_the_pages_comes_back(
    assistant: Assistant, kind: str, parameters: dict[str, Any]
) -> None:
    jobs = assistant.server.get("/queue")["total_count"]
    assistant.will_call((kind, parameters))
    answer = assistant.chat(execute=True)
    assert answer["executed"] == []
    assert answer["actions"] == [{"type": kind, "parameters": parameters}]
    assert assistant.server.get("/health")["model_name"] == MODEL
    assert assistant.server.get("/queue")["total_count"] == jobs


def test_models_are_loaded_and_failures_are_told(assistant: Assistant) -> None:
    assistant.server.post("/models/unload")
    assert done(assistant, "load_model", model_name=MODEL)["result"]["model_name"] == MODEL
    assert assistant.server.get("/health")["model_name"] == MODEL
    missing = done(assistant, "load_model", model_name="nowhere.safetensors")
    assert missing["success"] is False
    assert "nowhere.safetensors" in missing["error"]
    assert "refused as scripted" in done(assistant, "load_model", model_name=REFUSED)["error"]


def test_jobs_are_cancelled_found_and_looked_at(assistant: Assistant) -> None:
    running = assistant.server.submit(**NEVER_ENDING)
    assert done(assistant, "cancel_job", job_id=running)["result"] == {"status": "cancelled"}
    assert assistant.server.wait_for_job(running)["status"] == "cancelled"
    assert done(assistant, "get_job", job_id=running)["result"]["status"] == "cancelled"
    found = done(assistant, "search_jobs", search="never ending")["result"]
    assert running in [job["job_id"] for job in found["jobs"]]
    assert done(assistant, "get_job", job_id="nowhere")["success"] is False


def test_pictures_are_enlarged(assistant: Assistant) -> None:
    job = assistant.server.make(**SHORT)
    assert done(assistant, "load_upscaler", model_name=ESRGAN)["result"]["upscale_factor"] == 4
    assert "the job has 1" in done(assistant, "upscale", job_id=job["job_id"], image=7)["error"]
    deed = done(assistant, "upscale", job_id=job["job_id"], upscale_factor=4)
    assert assistant.server.wait_for_job(deed["result"]["job_id"])["type"] == "upscale"


def test_new_models_are_seen(assistant: Assistant) -> None:
    path = assistant.server.models_dir / "checkpoints" / "new.safetensors"
    path.write_bytes(b"\0")
    try:
        assert done(assistant, "refresh_models")["success"] is True
        names = [one["name"] for one in assistant.server.get("/models")["checkpoints"]]
        assert path.name in names
    finally:
        path.unlink()


def test_a_model_that_never_comes_to_an_end_is_stopped(assistant: Assistant) -> None:
    for _ in range(4):
        assistant.will_call(("search_jobs", {}))
    answer = assistant.chat(execute=True)
    assert len(answer["executed"]) == 4
    assert answer["message"] == "Search jobs: done, search jobs: done, search jobs: done, search jobs: done"


def test_what_was_done_is_told_even_if_the_model_fails_afterwards(assistant: Assistant) -> None:
    assistant.will_call(("search_jobs", {}))
    assistant.site.script.append({})  # an empty answer
    answer = assistant.chat(execute=True)
    assert [one["type"] for one in answer["executed"]] == ["search_jobs"]
    assert [one["executed"][0]["type"] for one in assistant.history()[1:]] == ["search_jobs"]
