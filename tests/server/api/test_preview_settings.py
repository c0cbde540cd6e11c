"""GET and PUT /preview/settings."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.running_server import RunningServer

DEFAULTS = {"enabled": True, "mode": "tae", "interval": 1, "max_size": 256, "quality": 75}


@pytest.fixture
def server(scripted: RunningServer) -> Iterator[RunningServer]:
    """The settings are back at their defaults after each test."""
    yield scripted
    put(scripted, dict.fromkeys(DEFAULTS))


def put(server: RunningServer, body: object, expect: int = 200) -> Any:
    answer = server.http.put("/preview/settings", json=body)
    assert answer.status_code == expect, answer.text
    return answer.json()


def test_the_settings_start_with_the_documents_defaults(server: RunningServer) -> None:
    assert server.get("/preview/settings") == DEFAULTS


def test_an_update_answers_with_the_documented_body(server: RunningServer) -> None:
    settings = {"enabled": False, "mode": "proj", "interval": 5, "max_size": 512, "quality": 90}
    assert put(server, settings) == {"success": True, "settings": settings}
    assert server.get("/preview/settings") == settings


def test_what_an_update_leaves_out_stays_as_it_is(server: RunningServer) -> None:
    put(server, {"quality": 10, "mode": "vae"})
    assert put(server, {"interval": 7})["settings"] == DEFAULTS | {
        "quality": 10, "mode": "vae", "interval": 7
    }  # fmt: skip
    assert put(server, {})["settings"]["interval"] == 7


def test_null_means_the_default(server: RunningServer) -> None:
    put(server, {"quality": 10, "interval": 9})
    assert put(server, {"quality": None})["settings"] == DEFAULTS | {"interval": 9}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("mode", "fast", "must be one of none, proj, tae, vae"),
        ("mode", 1, "string"),
        ("interval", 0, "greater than or equal to 1"),
        ("interval", 101, "less than or equal to 100"),
        ("interval", True, "not a boolean"),
        ("max_size", 63, "greater than or equal to 64"),
        ("max_size", 1025, "less than or equal to 1024"),
        ("quality", 0, "greater than or equal to 1"),
        ("quality", 101, "less than or equal to 100"),
        ("quality", "good", "integer"),
        ("enabled", "perhaps", "boolean"),
    ],
)
def test_a_value_out_of_range_is_refused_and_changes_nothing(
    server: RunningServer, field: str, value: object, words: str
) -> None:
    error = put(server, {"interval": 3, field: value}, expect=400)["error"]
    assert error.startswith(f"{field}: {value!r} is not allowed")
    assert words in error
    assert server.get("/preview/settings") == DEFAULTS


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("interval", 1),
        ("interval", 100),
        ("max_size", 64),
        ("max_size", 1024),
        ("quality", 100),
        ("mode", "NONE"),
    ],
)
def test_the_bounds_themselves_are_allowed(server: RunningServer, field: str, value: object) -> None:
    assert put(server, {field: value})["settings"][field] == (
        value.lower() if isinstance(value, str) else value
    )


def test_the_settings_outlive_a_restart(server: RunningServer) -> None:
    put(server, {"quality": 33})
    server.restart()
    assert server.get("/preview/settings") == DEFAULTS | {"quality": 33}
