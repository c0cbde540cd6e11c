"""POST /assistant/chat: what the model is asked, and what comes back."""

import http.client
import json
from typing import Any

import pytest

from tests.server.assistant.conftest import ESRGAN, WRITING, Assistant
from tests.support.llm_upstream import Upstream
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import MODEL, REFUSED, busy

LOAD = {"type": "load_model", "parameters": {"model_name": MODEL}}


@pytest.mark.proves("assistant_chat.message", "assistant_settings.model")
def test_a_tool_call_comes_back_as_an_action(assistant: Assistant) -> None:
    assistant.will_call(("load_model", {"model_name": MODEL}), saying="I propose that.")
    assert assistant.chat("Load it") == {"success": True, "message": "I propose that.", "actions": [LOAD]}
    asked = assistant.asked()
    assert asked["messages"][-1]["content"].endswith("The user says: Load it")
    assert "load_model" in [tool["function"]["name"] for tool in asked["tools"]]


def test_a_model_that_takes_no_tools_is_held_to_a_schema(assistant: Assistant) -> None:
    assistant.set(model=WRITING)
    assistant.will_propose(LOAD)
    assert assistant.chat("Load it") == {"success": True, "message": "I propose that.", "actions": [LOAD]}
    asked = assistant.asked()
    assert not asked["tools"]
    assert MODEL in json.dumps(asked["format"])
    assert "- load_model(model_name)" in asked["messages"][0]["content"]


def test_a_fenced_block_is_understood_too(assistant: Assistant) -> None:
    assistant.will_say(f"I propose that.\n```json\n{json.dumps(LOAD)}\n```")
    assert assistant.chat()["actions"] == [LOAD]


def test_unknown_and_senseless_actions_are_told_and_the_others_stay(assistant: Assistant) -> None:
    assistant.will_call(("reboot", {}), ("load_model", {"model_name": MODEL}), ("load_model", {"name": 5}))
    answer = assistant.chat()
    assert answer["actions"] == [LOAD]
    assert [one["type"] for one in answer["rejected_actions"]] == ["reboot", "load_model"]
    assert answer["rejected_actions"][0]["reason"] == "there is no such action"
    assert answer["message"] == "Load model"


def test_a_server_that_speaks_openais_protocol_will_do(assistant: Assistant) -> None:
    assistant.set(provider="openai", base_url=f"{assistant.site.url}/v1", model="calling")
    answer = assistant.chat(execute=True)
    # Told what came of it, this model calls the same again, until it is stopped.
    assert {one["parameters"]["model_name"] for one in answer["executed"]} == {"x.gguf"}
    result = assistant.site.last("/v1/chat/completions").body["messages"][-1]
    assert (result["role"], result["tool_call_id"]) == ("tool", "call_1")


def test_words_alone_have_no_actions(assistant: Assistant) -> None:
    assistant.will_say("Hello!")
    assert assistant.chat("Hello") == {"success": True, "message": "Hello!", "actions": []}


def test_the_model_hears_the_servers_state_as_it_is_now(assistant: Assistant) -> None:
    with busy(assistant.server) as job_id:
        assistant.will_say("I see.")
        assistant.chat("What goes on?")
    state = assistant.asked()["messages"][-1]["content"]
    for fact in (f'"loaded_model": "{MODEL}"', '"running": 1', job_id, "never ending", REFUSED, ESRGAN):
        assert fact in state


@pytest.mark.proves("assistant_chat.context")
def test_the_model_hears_what_the_user_sees(assistant: Assistant) -> None:
    assistant.will_say("I see.")
    assistant.chat("And now?", context={"current_view": "gallery", "settings": {"steps": 12}})
    state = assistant.asked()["messages"][-1]["content"]
    assert 'What the user sees: {"current_view": "gallery", "settings": {"steps": 12}}' in state
    assistant.will_say("I see.")
    assistant.chat("And now?", context={"settings": {"prompt": "x" * 50_000}})
    assert len(assistant.asked()["messages"][-1]["content"]) < 10_000
    # With the tools this is more than Ollama reads unless told to; it would drop the beginning.
    assert assistant.asked()["options"]["num_ctx"] == 8192


@pytest.mark.proves("assistant_settings.system_prompt")
def test_an_own_system_prompt_is_told_besides_the_rules(assistant: Assistant) -> None:
    assistant.set(system_prompt="Speak like a pirate.")
    assistant.will_say("Arr!")
    assistant.chat()
    rules = assistant.asked()["messages"][0]
    assert rules["role"] == "system"
    assert "use one action" in rules["content"]
    assert "Speak like a pirate." in rules["content"]


@pytest.mark.parametrize("model", ["calling_by_script", WRITING])
def test_the_model_remembers_what_was_said(assistant: Assistant, model: str) -> None:
    assistant.set(model=model)
    assistant.will_propose(LOAD, saying="I propose the first.")
    assistant.chat("Load the first one")
    assistant.will_propose(saying="Yes.")
    assistant.chat("Is it good?")
    *_, mine, own, _ = assistant.asked()["messages"]
    assert (mine["role"], mine["content"]) == ("user", "Load the first one")
    assert own["role"] == "assistant"
    if model == WRITING:
        assert json.loads(own["content"]) == {"message": "I propose the first.", "actions": [LOAD]}
    else:
        assert own["content"] == "I propose the first."


def test_unknown_fields_are_told(assistant: Assistant) -> None:
    assistant.will_say("Hello!")
    assert assistant.chat(mood="good")["warnings"] == ["unknown field 'mood' was ignored"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "message is required"),
        ({"message": ""}, "message: ''"),
        ({"message": 5}, "message: 5"),
        ({"message": "x" * 20_001}, "message"),
        ({"message": "x", "context": "gallery"}, "context: 'gallery'"),
        ({"message": "x", "execute": "perhaps"}, "execute: 'perhaps'"),
        ({"message": "x", "stream": 7}, "stream: 7"),
    ],
)
def test_a_bad_request_is_a_400(server: RunningServer, body: Any, words: str) -> None:
    assert words in server.post("/assistant/chat", body, expect=400)["error"]


# ---------------------------------------------------------------- failures

FAILURES: list[tuple[dict[str, Any], str]] = [
    ({"enabled": False}, "disabled in the settings"),
    ({"base_url": "http://127.0.0.1:9"}, "http://127.0.0.1:9 cannot be reached"),
    ({"model": "slow", "timeout_seconds": 1}, "did not answer within 1 s"),
    ({"model": "mute", "timeout_seconds": 1}, "did not answer within 1 s"),
    ({"model": "missing"}, "has no model 'missing'"),
    ({"model": "broken"}, "answered with HTTP status 500: "),
    ({"model": "garbled"}, "answered something that cannot be understood"),
    ({"model": "empty"}, "gave an empty answer"),
    ({"model": "breaking"}, "broke"),
]


@pytest.mark.proves(
    "assistant_settings.enabled", "assistant_settings.base_url", "assistant_settings.timeout_seconds"
)
@pytest.mark.parametrize(("settings", "words"), FAILURES)
def test_a_failure_is_a_500_with_its_reason_and_is_not_remembered(
    assistant: Assistant, settings: dict[str, Any], words: str
) -> None:
    assistant.set(**settings)
    answer = assistant.chat(expect=500)
    assert set(answer) == {"success", "error", "code"}
    assert answer["success"] is False
    assert words in answer["error"]
    assert assistant.history() == []


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_stops_the_model(assistant: Assistant, site: Upstream, stream: bool) -> None:
    assistant.set(model="slow")
    site.asked.clear()
    site.left.clear()
    connection = http.client.HTTPConnection("127.0.0.1", assistant.server.port)
    connection.request("POST", "/assistant/chat", json.dumps({"message": "Hello", "stream": stream}))
    assert site.asked.wait(30)
    connection.close()
    assert site.left.wait(30)
    assert assistant.history() == []


# ---------------------------------------------------------------- events


def events(assistant: Assistant, **fields: Any) -> list[tuple[str, Any]]:
    """Names and data of the events of an answer."""
    with assistant.server.http.stream(
        "POST", "/assistant/chat", json={"message": "Do it", "stream": True, **fields}
    ) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        blocks = answer.read().decode().split("\n\n")
    assert blocks.pop() == ""
    return [
        (name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
        for name, data in (block.split("\n") for block in blocks)
    ]


@pytest.mark.proves("assistant_chat.stream")
@pytest.mark.parametrize("model", ["calling_by_script", WRITING])
def test_words_come_as_they_are_made_and_at_the_end_everything(assistant: Assistant, model: str) -> None:
    assistant.set(model=model)
    if model == WRITING:
        assistant.will_propose(LOAD, saying='I "propose"\nthat.')
    else:
        assistant.will_call(("load_model", {"model_name": MODEL}), saying='I "propose"\nthat.')
    *deltas, (last, answer) = events(assistant)
    assert len(deltas) >= 2
    assert {name for name, _ in deltas} == {"delta"}
    assert "".join(data["text"] for _, data in deltas) == 'I "propose"\nthat.'
    assert last == "done"
    assert answer == {"success": True, "message": 'I "propose"\nthat.', "actions": [LOAD]}
    assert [one["content"] for one in assistant.history()] == ["Do it", 'I "propose"\nthat.']


def test_the_pieces_are_the_message_over_several_rounds_too(assistant: Assistant) -> None:
    assistant.will_call(("search_jobs", {}), saying="I look for it.")
    assistant.will_say("There it is.")
    *deltas, (_, answer) = events(assistant, execute=True)
    assert answer["message"] == "I look for it.\n\nThere it is."
    assert "".join(data["text"] for _, data in deltas) == answer["message"]


@pytest.mark.parametrize("settings", [{"enabled": False}, {"model": "broken"}, {"model": "breaking"}])
def test_a_failure_is_the_last_event(assistant: Assistant, settings: dict[str, Any]) -> None:
    assistant.set(**settings)
    name, failure = events(assistant)[-1]
    assert name == "error"
    assert failure["success"] is False
    assert failure["error"]
    assert assistant.history() == []
