"""Bounds on what waits and on how often may be asked, at every door."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.running_server import RunningServer
from tests.support.scripted_engine import SHORT, busy, serving

KEYS = ("first-key-0123456789", "second-key-0123456789")
PER_MINUTE = 40


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One job may wait, and each key may ask 40 times a minute."""
    root = tmp_path_factory.mktemp("limited")
    settings = {"limits_max_pending": "1", "server_api_keys": ",".join(KEYS)}
    with serving(root, loaded=False, limits_requests_per_minute=str(PER_MINUTE), **settings) as running:
        running.http.headers["X-API-Key"] = KEYS[0]
        yield running


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A job runs, and one waits: the queue is full."""
    with serving(tmp_path_factory.mktemp("full"), limits_max_pending="1") as running, busy(running):
        running.submit(**SHORT)
        yield running


DOORS: list[tuple[str, dict[str, Any], str]] = [
    ("/txt2img", SHORT, "code"),
    ("/v1/images/generations", {"prompt": "a cat", "size": "64x64"}, "error.code"),
    ("/sdapi/v1/txt2img", {"prompt": "a cat", "width": 64, "height": 64, "steps": 2}, "error"),
]


@pytest.mark.parametrize(("path", "body", "code_at"), DOORS, ids=[door[0] for door in DOORS])
def test_a_full_queue_refuses_at_every_door_in_its_shape(
    full: RunningServer, path: str, body: dict[str, Any], code_at: str
) -> None:
    answer = full.http.post(path, json=body)
    assert answer.status_code == 429, answer.text
    assert int(answer.headers["retry-after"]) >= 1
    told = answer.json()
    for name in code_at.split("."):
        told = told[name]
    assert told in ("queue_full", "QueueFull")
    assert "limits.max_pending" in answer.text


def test_a_job_that_ended_makes_room(full: RunningServer) -> None:
    waiting = full.get("/queue", status="pending")["items"][0]["job_id"]
    full.http.delete(f"/queue/{waiting}")
    full.submit(**SHORT)
    assert full.http.post("/txt2img", json=SHORT).json()["code"] == "queue_full"


def test_a_key_that_asks_too_often_is_told_when_to_try_again(server: RunningServer) -> None:
    answers = [server.http.get("/queue") for _ in range(PER_MINUTE + 20)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert {answer.status_code for answer in answers} == {200, 429}
    assert refused[0].json()["code"] == "too_many_requests"
    assert 1 <= int(refused[0].headers["retry-after"]) <= 60
    shaped = [server.http.get("/v1/models") for _ in range(10)]
    assert any(one.json()["error"]["type"] == "rate_limit_error" for one in shaped if one.status_code == 429)


def test_another_key_and_health_are_not_kept_waiting(server: RunningServer) -> None:
    for _ in range(PER_MINUTE + 5):
        server.http.get("/queue")
    assert server.http.get("/queue", headers={"X-API-Key": KEYS[1]}).status_code == 200
    assert all(server.http.get("/health").status_code == 200 for _ in range(5))
    assert server.http.get("/health/live").status_code == 200
