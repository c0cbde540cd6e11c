"""Guessing keys is refused after a while, at every door, without shutting anybody out who was let in."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.raw_requests import request
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import serving
from tests.support.websocket_handshake import knock

KEY, OTHER = "correct-horse-battery", "second-staple-key"
PER_MINUTE = 5


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    settings = {"server_api_keys": f"{KEY},{OTHER}", "limits_wrong_keys_per_minute": str(PER_MINUTE)}
    with serving(tmp_path_factory.mktemp("guessed"), loaded=False, **settings) as running:
        running.http.headers["X-API-Key"] = KEY
        yield running


def log_in(server: RunningServer, key: str, **headers: str) -> httpx.Response:
    return httpx.post(f"{server.url}/login", json={"key": key}, headers=headers)


def test_wrong_keys_are_counted_at_login_and_with_any_request(server: RunningServer) -> None:
    server.get("/queue")
    told = [log_in(server, f"wrong-key-number-{number}").status_code for number in range(3)]
    told += [request(server, "/queue", {"X-API-Key": f"wrong-{number}"}).status for number in range(2)]
    assert told == [401] * PER_MINUTE
    refused = log_in(server, "wrong-key-once-more")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert "limits.wrong_keys_per_minute" in refused.json()["error"]
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    # A right one that nobody had here before might be a guess.
    assert log_in(server, OTHER).status_code == 429
    assert request(server, "/queue", {"X-API-Key": OTHER}).status == 429
    assert knock(server.port, {"X-API-Key": OTHER}, "/ws") != 101
    # Whoever was let in goes on, and so does what needs no key.
    server.get("/queue")
    assert log_in(server, KEY).status_code == 200
    assert httpx.get(f"{server.url}/health/live").status_code == 200


def test_addresses_are_those_that_a_trusted_proxy_tells(server: RunningServer) -> None:
    for number in range(PER_MINUTE + 1):
        last = log_in(server, f"wrong-key-number-{number}", **{"X-Forwarded-For": "203.0.113.7"})
    assert last.status_code == 429
    assert log_in(server, OTHER, **{"X-Forwarded-For": "203.0.113.7"}).status_code == 429
    assert log_in(server, OTHER, **{"X-Forwarded-For": "203.0.113.8"}).status_code == 200
