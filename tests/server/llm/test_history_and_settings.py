"""What is remembered of enhancements, the settings, and the key that nobody may see."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.server.llm.conftest import put
from tests.support.llm_upstream import Upstream, upstream
from tests.support.running_server import RunningServer

MASK = "***masked***"
KEY = "ollama-key-that-nobody-may-see"
FOREIGN_KEY = "key-of-another-service"
DEFAULTS = {
    "enabled": True,
    "provider": "ollama",
    "base_url": "http://localhost:11434",
    "model": "llama3.2",
    "timeout_seconds": 60,
    "max_history": 100,
    "system_prompt": "",
    "temperature": 0.7,
    "max_tokens": 400,
}


def shown(settings: dict[str, Any], key: bool = False) -> dict[str, Any]:
    """Settings as answers have them."""
    return {**settings, "endpoint": settings["base_url"], "has_api_key": key}


@pytest.fixture(scope="module", autouse=True)
def _first_of_all(server: RunningServer) -> None:
    """Before any test has changed them."""
    assert server.get("/ollama/settings") == {**shown(DEFAULTS), "api_key": ""}


@pytest.fixture(autouse=True)
def _defaults(server: RunningServer, site: Upstream) -> None:
    put(server, **{**DEFAULTS, "base_url": site.url, "model": "canned", "api_key": ""})


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


# ---------------------------------------------------------------- history


def enhance(server: RunningServer, *prompts: str) -> list[str]:
    """The ids of fresh enhancements."""
    return [server.post("/ollama/enhance", {"prompt": prompt})["id"] for prompt in prompts]


def remembered(server: RunningServer, **query: int) -> list[str]:
    return [item["id"] for item in server.get("/ollama/history", **query)["items"]]


def test_the_history_is_newest_first_and_comes_in_pages(server: RunningServer) -> None:
    server.http.delete("/ollama/history")
    first, second, third = enhance(server, "one", "two", "three")
    assert remembered(server) == [third, second, first]
    assert remembered(server, limit=2) == [third, second]
    assert remembered(server, limit=2, offset=2) == [first]
    assert remembered(server, offset=9) == []
    assert server.get("/ollama/history", limit=1)["total_count"] == 3


def test_an_entry_has_the_documented_fields(server: RunningServer) -> None:
    answer = server.post("/ollama/enhance", {"prompt": "a cat"})
    entry = server.get(f"/ollama/history/{answer['id']}")
    del answer["success"]
    assert entry == {**answer, "success": True, "error_message": ""}
    assert entry in server.get("/ollama/history")["items"]


def test_entries_are_forgotten_one_by_one_and_all_at_once(server: RunningServer) -> None:
    server.http.delete("/ollama/history")
    first, second = enhance(server, "one", "two")
    assert server.http.delete(f"/ollama/history/{first}").json() == {"success": True}
    assert remembered(server) == [second]
    for method in ("GET", "DELETE"):
        gone = server.http.request(method, f"/ollama/history/{first}")
        assert gone.status_code == 404
        assert "no such enhancement" in gone.json()["error"]
    assert server.http.delete("/ollama/history").json() == {"success": True}
    assert server.get("/ollama/history") == {"total_count": 0, "items": []}


@pytest.mark.proves("ollama_settings.max_history")
def test_no_more_than_max_history_are_kept(server: RunningServer) -> None:
    ids = enhance(server, "one", "two", "three")
    put(server, max_history=2)
    assert remembered(server) == [ids[2], ids[1]]
    (newest,) = enhance(server, "four")
    assert remembered(server) == [newest, ids[2]]
    put(server, max_history=0)
    enhance(server, "five")
    assert remembered(server) == []


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"offset": -1}, {"limit": "x"}])
def test_a_bad_page_is_a_400(server: RunningServer, query: dict[str, Any]) -> None:
    answer = server.http.get("/ollama/history", params=query)
    assert answer.status_code == 400
    assert next(iter(query)) in answer.json()["error"]


# ---------------------------------------------------------------- settings


def test_an_update_changes_what_it_carries_and_answers_without_a_key(server: RunningServer) -> None:
    before = server.get("/ollama/settings")
    answer = put(server, model="mistral", timeout_seconds=5, api_key=KEY)
    settings = {**DEFAULTS, "base_url": before["base_url"], "model": "mistral", "timeout_seconds": 5}
    assert answer == {"success": True, "settings": shown(settings, key=True)}
    assert put(server) == answer
    assert put(server, model=None) == answer
    assert server.get("/ollama/settings") == {**answer["settings"], "api_key": MASK}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"enabled": "yes"}, "enabled: 'yes'"),
        ({"provider": "copilot"}, "'ollama', 'local' or 'openai'"),
        ({"base_url": "localhost:11434"}, "http://"),
        ({"base_url": "file:///etc/passwd"}, "http://"),
        ({"base_url": "http://"}, "names a server"),
        ({"base_url": "http://a b/"}, "not an address"),
        ({"base_url": "http://me:secret@host"}, "without password"),
        ({"base_url": "http://host/?key=1"}, "without password, query"),
        ({"base_url": 5}, "base_url: 5"),
        ({"endpoint": "localhost"}, "endpoint: 'localhost'"),
        ({"base_url": "http://one", "endpoint": "http://two"}, "endpoint: 'http://two'"),
        ({"model": ["a"]}, "model"),
        ({"timeout_seconds": 0}, "greater than or equal to 1"),
        ({"timeout_seconds": "soon"}, "timeout_seconds: 'soon'"),
        ({"timeout_seconds": True}, "not a boolean"),
        ({"max_history": -1}, "max_history: -1"),
        ({"api_key": 5}, "api_key"),
        ({"api_key": "two\r\nlines: 1"}, "api_key"),
        *(({"api_key": bad}, "api_key") for bad in ("\n", "\t", " \0 ", "key\x7f", "key\u0085", "a key")),
        ({"temperature": 2.5}, "temperature: 2.5"),
        ({"max_tokens": 1}, "max_tokens: 1"),
        ({"system_prompt": {}}, "system_prompt"),
    ],
)
def test_a_bad_value_is_a_400_and_changes_nothing(
    server: RunningServer, settings: dict[str, Any], words: str
) -> None:
    before = server.get("/ollama/settings")
    answer = server.http.put("/ollama/settings", json={"model": "other", **settings})
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert server.get("/ollama/settings") == before


@pytest.mark.proves("ollama_settings.endpoint")
def test_an_address_may_be_sent_by_either_of_its_names(server: RunningServer, site: Upstream) -> None:
    home = site.url
    updates: list[tuple[dict[str, Any], str]] = [
        ({"endpoint": f"{home}/a/"}, f"{home}/a"),
        ({"base_url": f"{home}/b"}, f"{home}/b"),
        # What a client sends back that changed one of them and does not know the other.
        ({"base_url": f"{home}/c", "endpoint": f"{home}/b"}, f"{home}/c"),
        ({"base_url": f"{home}/c", "endpoint": f"{home}/d"}, f"{home}/d"),
        ({"base_url": home, "endpoint": home}, home),
        ({"endpoint": None}, home),
    ]
    for sent, address in updates:
        settings = put(server, **sent)["settings"]
        assert (settings["base_url"], settings["endpoint"]) == (address, address), sent
        assert server.get("/ollama/settings")["endpoint"] == address
    assert server.get("/ollama/models")["models"]


def test_unknown_settings_are_told(server: RunningServer) -> None:
    assert put(server, top_k=3)["warnings"] == ["unknown field 'top_k' was ignored"]


@pytest.mark.proves("ollama_settings.api_key")
def test_the_mask_leaves_a_key_as_it_is_and_an_empty_one_clears_it(
    server: RunningServer, site: Upstream
) -> None:
    put(server, api_key=KEY)
    put(server, api_key=MASK)
    server.get("/ollama/models")
    assert site.last("/api/tags").headers["authorization"] == f"Bearer {KEY}"
    for none in ("", "   "):
        assert put(server, api_key=KEY)["settings"]["has_api_key"]
        assert not put(server, api_key=none)["settings"]["has_api_key"]
        assert server.get("/ollama/settings")["api_key"] == ""
        server.get("/ollama/models")
        assert "authorization" not in site.last("/api/tags").headers


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"base_url": "http://localhost:1"}, False),
        ({"base_url": "https://{home}"}, False),
        ({"base_url": "http://{home}/elsewhere"}, True),
        ({"provider": "openai"}, False),
        ({"provider": "openai", "api_key": MASK}, False),
        ({"model": "mistral"}, True),
        ({"base_url": "http://localhost:1", "api_key": "new"}, True),
    ],
)
def test_a_key_does_not_survive_a_change_of_whom_it_belongs_to(
    server: RunningServer, site: Upstream, change: dict[str, str], kept: bool
) -> None:
    put(server, api_key=KEY)
    home = site.url.removeprefix("http://")
    answer = put(server, **{name: value.format(home=home) for name, value in change.items()})
    assert server.get("/ollama/settings")["api_key"] == (MASK if kept else "")
    assert any("api_key was cleared" in text for text in answer.get("warnings", [])) != kept


def test_another_provider_does_not_inherit_the_models_name(server: RunningServer) -> None:
    answer = put(server, provider="local")
    assert answer["settings"]["model"] == ""
    assert "model was cleared" in answer["warnings"][0]
    assert put(server, provider="openai", model="gpt-x")["settings"]["model"] == "gpt-x"


# ---------------------------------------------------------------- the key


@pytest.mark.parametrize("provider", ["ollama", "openai"])
def test_a_redirect_to_another_server_gets_the_request_but_not_the_key(
    server: RunningServer, site: Upstream, elsewhere: Upstream, provider: str
) -> None:
    suffix, path = {"ollama": ("", "/api/tags"), "openai": ("/v1", "/v1/models")}[provider]
    put(server, provider=provider, base_url=f"{site.url}/moved{suffix}", api_key=KEY)
    site.elsewhere = site.url
    server.get("/ollama/models")
    assert site.last(path).headers["authorization"] == f"Bearer {KEY}"
    site.elsewhere = elsewhere.url
    server.get("/ollama/models")
    assert "authorization" not in elsewhere.last(path).headers
    assert KEY not in json.dumps([one.headers for one in elsewhere.heard])


@pytest.mark.parametrize("provider", ["ollama", "openai"])
def test_the_key_is_in_no_answer_event_or_log_line_even_when_the_other_side_repeats_it(
    server: RunningServer, site: Upstream, provider: str
) -> None:
    suffix = {"ollama": "", "openai": "/v1"}[provider]
    with server.events() as events:
        answers = [
            put(server, provider=provider, base_url=site.url + suffix, model="echoing", api_key=KEY),
            server.post("/ollama/enhance", {"prompt": "a cat"}, expect=500),
            server.http.put("/ollama/settings", json={"api_key": KEY, "timeout_seconds": "x"}).json(),
            *(server.get(f"/ollama/{name}") for name in ("settings", "status", "models", "history")),
            *(server.get(path) for path in ("/health", "/openapi.json")),
        ]
        events.wait_for("server_status")
    assert "bad key Bearer ***" in answers[1]["error"]
    log = (server.data_dir / "logs" / "server.log").read_text()
    assert KEY not in json.dumps([answers, events.heard, server.log, log])


def test_a_bad_key_is_not_repeated(server: RunningServer) -> None:
    answer = server.http.put("/ollama/settings", json={"api_key": f"{KEY}\n"})
    assert answer.status_code == 400
    assert KEY not in answer.text


def test_settings_key_and_history_survive_a_restart_and_the_environments_key_is_not_ours(
    server: RunningServer, site: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(server, api_key=KEY, model="canned", max_history=50)
    ids = enhance(server, "one", "two")
    settings = server.get("/ollama/settings")
    monkeypatch.setitem(server.env, "OLLAMA_API_KEY", FOREIGN_KEY)
    server.restart()
    assert server.get("/ollama/settings") == settings
    assert remembered(server, limit=2) == ids[::-1]
    server.get("/ollama/models")
    assert site.last("/api/tags").headers["authorization"] == f"Bearer {KEY}"
    put(server, api_key="")
    server.get("/ollama/models")
    assert "authorization" not in site.last("/api/tags").headers
    assert FOREIGN_KEY not in json.dumps([one.headers for one in site.heard])
