"""The conversation that is kept, the status, the settings, and the key that nobody may see."""

import json
import time
from typing import Any

import pytest

from tests.server.assistant.conftest import Assistant
from tests.support.llm_upstream import REAL
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import MODEL

MASK = "***masked***"
KEY = "assistant-key-that-nobody-may-see"
DEFAULTS = {
    "enabled": True,
    "provider": "ollama",
    "base_url": "http://localhost:11434",
    "model": "llama3.2",
    "timeout_seconds": 120,
    "max_history": 50,
    "system_prompt": "",
}


def shown(settings: dict[str, Any], key: bool = False) -> dict[str, Any]:
    """Settings as answers have them."""
    return {**settings, "endpoint": settings["base_url"], "has_api_key": key}


@pytest.fixture(scope="module", autouse=True)
def _first_of_all(server: RunningServer) -> None:
    """Before any test has changed them."""
    assert server.get("/assistant/settings") == {**shown(DEFAULTS), "api_key": ""}


def talk(assistant: Assistant, *messages: str) -> None:
    for message in messages:
        assistant.will_say(f"You said {message}.")
        assistant.chat(message)


def contents(assistant: Assistant) -> list[str]:
    return [one["content"] for one in assistant.history()]


# ---------------------------------------------------------------- history


def test_the_history_is_oldest_first_with_times_in_seconds(assistant: Assistant) -> None:
    began = int(time.time())
    talk(assistant, "one", "two")
    history = assistant.server.get("/assistant/history")
    assert history["count"] == 4
    assert [(one["role"], one["content"]) for one in history["messages"]] == [
        ("user", "one"), ("assistant", "You said one."), ("user", "two"), ("assistant", "You said two."),
    ]  # fmt: skip
    assert all(began <= one["timestamp"] <= time.time() for one in history["messages"])
    assert assistant.server.get("/assistant/status")["history_count"] == 4


def test_actions_are_remembered_with_the_message(assistant: Assistant) -> None:
    assistant.will_call(("load_model", {"model_name": MODEL}))
    actions = assistant.chat()["actions"]
    assert assistant.history()[1]["actions"] == actions


@pytest.mark.proves("assistant_settings.max_history")
def test_no_more_than_max_history_are_kept(assistant: Assistant) -> None:
    talk(assistant, "one", "two", "three")
    assistant.set(max_history=4)
    assert contents(assistant) == ["two", "You said two.", "three", "You said three."]
    talk(assistant, "four")
    assert contents(assistant) == ["three", "You said three.", "four", "You said four."]
    assistant.set(max_history=0)
    talk(assistant, "five")
    assert contents(assistant) == []


def test_the_history_is_cleared(assistant: Assistant) -> None:
    talk(assistant, "one")
    assert assistant.server.http.delete("/assistant/history").json() == {"success": True}
    assert assistant.server.get("/assistant/history") == {"messages": [], "count": 0}


# ---------------------------------------------------------------- status


def test_the_status_tells_whether_the_model_is_there(assistant: Assistant) -> None:
    assistant.set(model=REAL)
    assert assistant.server.get("/assistant/status") == {
        "enabled": True, "connected": True, "provider": "ollama", "base_url": assistant.site.url,
        "model": REAL, "timeout_seconds": 60, "history_count": 0,
    }  # fmt: skip
    assert REAL in assistant.server.get("/assistant/models")["models"]
    assistant.set(model="nowhere")
    status = assistant.server.get("/assistant/status")
    assert status["connected"] is True
    assert "There is no model 'nowhere'" in status["error"]
    assistant.set(base_url="http://127.0.0.1:9")
    status = assistant.server.get("/assistant/status")
    assert status["connected"] is False
    assert "cannot be reached" in status["error"]
    assistant.set(enabled=False)
    status = assistant.server.get("/assistant/status")
    assert (status["enabled"], status["connected"]) == (False, False)


# ---------------------------------------------------------------- settings


def test_an_update_changes_what_it_carries_and_answers_without_a_key(assistant: Assistant) -> None:
    enhancement = assistant.server.get("/ollama/settings")
    answer = assistant.set(model="mistral", timeout_seconds=5, api_key=KEY)
    changed = {**DEFAULTS, "base_url": assistant.site.url, "model": "mistral", "timeout_seconds": 5}
    settings = shown(changed, key=True)
    assert answer == {"success": True, "settings": settings}
    assert assistant.set() == answer
    assert assistant.server.get("/assistant/settings") == {**settings, "api_key": MASK}
    assert assistant.server.get("/ollama/settings") == enhancement
    assert assistant.set(top_k=3)["warnings"] == ["unknown field 'top_k' was ignored"]


@pytest.mark.parametrize(
    "settings",
    [
        {"enabled": "yes"},
        {"provider": "x"},
        {"base_url": "here"},
        {"endpoint": "here"},
        {"api_key": "two\nlines"},
        {"timeout_seconds": 0},
        {"max_history": -1},
    ],
)
def test_a_bad_value_is_a_400_and_changes_nothing(assistant: Assistant, settings: dict[str, object]) -> None:
    before = assistant.server.get("/assistant/settings")
    answer = assistant.server.http.put("/assistant/settings", json={"model": "other", **settings})
    assert answer.status_code == 400
    assert next(iter(settings)) in answer.json()["error"]
    assert assistant.server.get("/assistant/settings") == before


@pytest.mark.proves("assistant_settings.endpoint")
def test_the_address_may_be_sent_as_endpoint(assistant: Assistant) -> None:
    assistant.set(base_url="http://127.0.0.1:9")
    assistant.set(endpoint=assistant.site.url, api_key="  ")
    settings = assistant.server.get("/assistant/settings")
    assert (settings["base_url"], settings["has_api_key"]) == (assistant.site.url, False)
    talk(assistant, "one")
    assert len(contents(assistant)) == 2


@pytest.mark.proves("assistant_settings.api_key")
def test_a_key_is_sent_kept_by_its_mask_and_cleared_with_its_server(assistant: Assistant) -> None:
    assistant.set(api_key=KEY)
    assistant.set(api_key=MASK, max_history=10)
    talk(assistant, "one")
    assert assistant.site.last("/api/chat").headers["authorization"] == f"Bearer {KEY}"
    warnings = assistant.set(base_url="http://localhost:1")["warnings"]
    assert "api_key was cleared" in warnings[0]
    assert assistant.server.get("/assistant/settings")["api_key"] == ""
    assistant.set(api_key=KEY)
    assert "api_key was cleared" in assistant.set(provider="openai", model="x")["warnings"][0]


def test_the_key_is_in_no_answer_event_or_log_line(assistant: Assistant) -> None:
    server = assistant.server
    with server.events() as events:
        answers = [
            assistant.set(model="echoing", api_key=KEY),
            assistant.chat(expect=500),
            *(server.get(f"/assistant/{name}") for name in ("settings", "status", "history")),
        ]
        events.wait_for("server_status")
    assert "bad key Bearer ***" in answers[1]["error"]
    log = (server.data_dir / "logs" / "server.log").read_text()
    assert KEY not in json.dumps([answers, events.heard, server.log, log])


def test_settings_and_history_survive_a_restart(assistant: Assistant) -> None:
    talk(assistant, "one")
    assistant.set(api_key=KEY, max_history=30)
    settings, history = assistant.server.get("/assistant/settings"), assistant.history()
    assistant.server.restart()
    assert assistant.server.get("/assistant/settings") == settings
    assert assistant.history() == history
