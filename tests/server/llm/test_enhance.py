"""POST /ollama/enhance through Ollama's own client, against a server that speaks its protocol."""

import http.client
import json
import re
from typing import Any

import pytest

from tests.server.llm.conftest import LOCAL, put
from tests.support.llm_upstream import CANNED, REAL, Upstream
from tests.support.running_server import RunningServer

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
PROVIDERS = {"ollama": "", "openai": "/v1"}
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True, params=sorted(PROVIDERS))
def provider(request: pytest.FixtureRequest, server: RunningServer, site: Upstream) -> str:
    """Every test runs with both: what a client sees must not depend on the protocol behind it."""
    name: str = request.param
    put(
        server, provider=name, base_url=site.url + PROVIDERS[name], model="canned", timeout_seconds=60,
        enabled=True, system_prompt="", temperature=0.7, max_tokens=400,
    )  # fmt: skip
    return name


def asked(site: Upstream, provider: str) -> dict[str, Any]:
    """What the model was last asked."""
    return site.last("/api/chat" if provider == "ollama" else "/v1/chat/completions").body


@pytest.mark.heavy
@pytest.mark.parametrize("provider", ["ollama"], indirect=True)
@pytest.mark.proves("ollama_enhance.prompt", "ollama_settings.model")
def test_a_real_model_changes_the_prompt_and_keeps_its_subject(server: RunningServer) -> None:
    put(server, model=REAL, temperature=0, max_tokens=60)
    answer = server.post("/ollama/enhance", {"prompt": "a knight fighting a dragon"})
    assert answer["success"] is True
    assert UUID.fullmatch(answer["id"])
    assert answer["original_prompt"] == "a knight fighting a dragon"
    assert answer["model_used"] == REAL
    assert len(answer["enhanced_prompt"]) > 40
    assert "knight" in answer["enhanced_prompt"].lower()
    assert set(answer) == {
        "success", "id", "original_prompt", "enhanced_prompt", "model_used", "created_at"
    }  # fmt: skip


def test_the_loaded_models_architecture_shapes_the_question(
    server: RunningServer, site: Upstream, provider: str
) -> None:
    server.post("/ollama/enhance", {"prompt": "a cat"})
    tags = asked(site, provider)["messages"]
    server.post("/models/unload")
    server.post("/ollama/enhance", {"prompt": "a cat"})
    sentences = asked(site, provider)["messages"]
    server.post("/models/load", {"model_name": "scripted.safetensors"})
    assert "comma-separated tags" in tags[0]["content"]
    assert "understands sentences" in sentences[0]["content"]
    for messages in (tags, sentences):
        assert [message["role"] for message in messages] == [
            "system", *["user", "assistant"] * 2, "user"
        ]  # fmt: skip
        assert messages[-1]["content"] == "a cat"


@pytest.mark.proves("ollama_enhance.system_prompt", "ollama_settings.system_prompt")
def test_an_own_system_prompt_goes_before_the_settings_and_both_before_the_built_in(
    server: RunningServer, site: Upstream, provider: str
) -> None:
    put(server, system_prompt="Speak like a pirate.")
    server.post("/ollama/enhance", {"prompt": "a cat"})
    assert [m["content"] for m in asked(site, provider)["messages"]] == ["Speak like a pirate.", "a cat"]
    server.post("/ollama/enhance", {"prompt": "a cat", "system_prompt": "Speak like a king."})
    assert [m["content"] for m in asked(site, provider)["messages"]] == ["Speak like a king.", "a cat"]


@pytest.mark.proves("ollama_settings.temperature", "ollama_settings.max_tokens")
def test_temperature_and_length_come_from_the_settings(
    server: RunningServer, site: Upstream, provider: str
) -> None:
    put(server, temperature=0.25, max_tokens=77)
    server.post("/ollama/enhance", {"prompt": "a cat"})
    request = asked(site, provider)
    if provider == "ollama":
        assert request["options"] == {"temperature": 0.25, "num_predict": 77}
    else:
        assert (request["temperature"], request["max_tokens"]) == (0.25, 77)


def test_an_empty_model_takes_the_first_that_the_server_lists(server: RunningServer) -> None:
    put(server, model="", max_tokens=16)
    assert server.post("/ollama/enhance", {"prompt": "a cat"})["model_used"] == REAL


def test_lora_tags_are_kept_from_the_model(server: RunningServer, site: Upstream, provider: str) -> None:
    answer = server.post("/ollama/enhance", {"prompt": "a cat <lora:fur:0.8>, sleeping"})
    assert asked(site, provider)["messages"][-1]["content"] == "a cat , sleeping"
    assert answer["enhanced_prompt"] == f"{CANNED} <lora:fur:0.8>"


def test_unknown_fields_are_told(server: RunningServer) -> None:
    assert server.post("/ollama/enhance", {"prompt": "a cat", "style": "x"})["warnings"] == [
        "unknown field 'style' was ignored"
    ]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "prompt is required"),
        ({"prompt": ""}, "prompt: '' is not allowed"),
        ({"prompt": " \n"}, "prompt: ' \\n' is not allowed"),
        ({"prompt": 5}, "prompt: 5 is not allowed"),
        ({"prompt": "x" * 20_001}, "limits.max_prompt_chars"),
        ({"prompt": "a", "system_prompt": []}, "system_prompt: [] is not allowed"),
    ],
)
def test_a_bad_request_is_a_400(server: RunningServer, body: Any, words: str) -> None:
    assert words in server.post("/ollama/enhance", body, expect=400)["error"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"enabled": False}, "disabled in the settings"),
        ({"base_url": NOBODY}, f"{NOBODY} cannot be reached"),
        ({"model": "slow", "timeout_seconds": 1}, "did not answer within 1 s"),
        ({"model": "missing"}, "has no model 'missing'"),
        ({"model": "broken"}, "answered with HTTP status 500: "),
        ({"model": "garbled"}, "answered something that cannot be understood"),
        ({"model": "listing"}, "answered something that cannot be understood"),
        ({"model": "empty"}, "gave an empty answer"),
        ({"model": "failing"}, "out of memory"),
        ({"model": "breaking"}, "broke"),
    ],
)
@pytest.mark.proves("ollama_settings.enabled", "ollama_settings.base_url", "ollama_settings.timeout_seconds")
def test_a_failure_is_a_500_with_its_reason_and_is_remembered(
    server: RunningServer, settings: dict[str, Any], words: str
) -> None:
    put(server, **settings)
    answer = server.post("/ollama/enhance", {"prompt": "a cat"}, expect=500)
    assert set(answer) == {"success", "error", "code"}
    assert answer["success"] is False
    assert words in answer["error"]
    newest = server.get("/ollama/history", limit=1)["items"][0]
    assert (newest["success"], newest["error_message"]) == (False, answer["error"])
    assert newest["enhanced_prompt"] == ""


def test_where_nobody_answers_a_model_of_the_llm_folder_is_offered(server: RunningServer) -> None:
    put(server, base_url=NOBODY)
    status = server.get("/ollama/status")
    assert status["connected"] is False
    for text in (server.post("/ollama/enhance", {"prompt": "a cat"}, expect=500)["error"], status["error"]):
        assert f"{LOCAL} of the llm folder could answer instead" in text


def test_a_client_that_goes_away_stops_the_model(server: RunningServer, site: Upstream) -> None:
    put(server, model="slow")
    before = server.get("/ollama/history")["total_count"]
    site.asked.clear()
    site.left.clear()
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("POST", "/ollama/enhance", json.dumps({"prompt": "a cat"}))
    assert site.asked.wait(30)
    connection.close()
    assert site.left.wait(30)
    assert server.get("/ollama/history")["total_count"] == before


@pytest.mark.parametrize("provider", ["ollama"], indirect=True)
def test_what_a_model_thinks_aloud_is_no_part_of_the_prompt(server: RunningServer, provider: str) -> None:
    put(server, model="thinking")
    assert server.post("/ollama/enhance", {"prompt": "a cat"})["enhanced_prompt"] == CANNED


def test_status_and_models_tell_what_is_there(server: RunningServer, site: Upstream, provider: str) -> None:
    put(server, max_history=7)
    names = server.get("/ollama/models")["models"]
    assert names == [REAL, "canned:latest" if provider == "ollama" else "canned"]
    status = server.get("/ollama/status")
    assert status == {
        "enabled": True,
        "connected": True,
        "provider": provider,
        "base_url": site.url + PROVIDERS[provider],
        "model": "canned",
        "max_history": 7,
        "history_count": status["history_count"],
    }
    put(server, model="nowhere")
    status = server.get("/ollama/status")
    assert status["connected"] is True
    assert status["error"] == f"There is no model 'nowhere'; there are: {', '.join(names)}"
    put(server, enabled=False)
    assert server.get("/ollama/status")["connected"] is False
    assert server.http.get("/ollama/models").status_code == 500


def test_a_server_that_is_something_else_is_not_connected(
    server: RunningServer, site: Upstream, provider: str
) -> None:
    put(server, base_url=f"{site.url}/html")
    status = server.get("/ollama/status")
    assert status["connected"] is False
    assert site.url in status["error"]
