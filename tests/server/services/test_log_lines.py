"""Ids of requests, in answers and in the log; the access log."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.running_server import RunningServer
from tests.support.scripted_engine import SHORT, serving

KEY = "a-key-that-no-log-may-hold"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """It logs JSON, and each request."""
    settings = {"logging_format": "json", "logging_access": "true", "server_api_keys": KEY}
    with serving(tmp_path_factory.mktemp("logs"), loaded=False, **settings) as running:
        running.http.headers["X-API-Key"] = KEY
        running.post("/models/load", {"model_name": "scripted.safetensors"})
        yield running


def lines(server: RunningServer, **wanted: object) -> list[dict[str, Any]]:
    """Those that have these values."""
    parsed = [json.loads(line) for line in server.log if line.startswith("{")]
    return [one for one in parsed if wanted.items() <= one.items()]


def test_an_id_that_is_well_formed_comes_back_and_another_is_made(server: RunningServer) -> None:
    given = server.http.get("/health", headers={"X-Request-ID": "abc-1.2:3"})
    assert given.headers["x-request-id"] == "abc-1.2:3"
    for strange in ("", "a b", "x" * 200, 'a"b', None):
        headers = {} if strange is None else {"X-Request-ID": strange}
        made = server.http.get("/health", headers=headers).headers["x-request-id"]
        assert len(made) == 32
        assert made != strange


def test_refusals_have_one_too(server: RunningServer) -> None:
    refused = (
        httpx.get(f"{server.url}/queue"),
        server.http.get("/queue", headers={"Host": "evil.example"}),
        server.http.get("/nothing"),
        server.http.post("/txt2img", content=b"{"),
        server.http.get("/health", headers={"X-Long": "x" * 70_000}),
    )
    assert [answer.status_code for answer in refused] == [401, 400, 404, 400, 431]
    assert all(answer.headers["x-request-id"] for answer in refused)


def test_lines_of_a_job_have_the_id_of_the_request_that_made_it(server: RunningServer) -> None:
    answer = server.http.post("/txt2img", json=SHORT, headers={"X-Request-ID": "my-request"})
    job_id = answer.json()["job_id"]
    server.wait_for_log(f"job {job_id}: completed")
    of_job = lines(server, job_id=job_id)
    assert len(of_job) >= 2
    assert {one["request_id"] for one in of_job} == {"my-request"}


def test_lines_of_a_later_request_do_not_have_it(server: RunningServer) -> None:
    first = server.http.post("/txt2img", json=SHORT, headers={"X-Request-ID": "the-first"}).json()["job_id"]
    second = server.http.post("/txt2img", json=SHORT, headers={"X-Request-ID": "the-second"}).json()["job_id"]
    server.wait_for_log(f"job {second}: completed")
    assert {one["request_id"] for one in lines(server, job_id=first)} == {"the-first"}
    assert {one["request_id"] for one in lines(server, job_id=second)} == {"the-second"}


def test_the_access_log_tells_who_asked_for_what_and_how_long_it_took(server: RunningServer) -> None:
    url = f"{server.url}/queue?limit=1&token={KEY}"
    assert httpx.get(url, headers={"X-Request-ID": "seen"}).status_code == 200
    server.wait_for_log('"request_id": "seen"')
    (line,) = lines(server, request_id="seen")
    assert (line["method"], line["path"], line["status"]) == ("GET", "/queue", 200)
    assert line["client"] == "127.0.0.1"
    assert line["duration_ms"] >= 0
    assert line["logger"] == "sdcpp_restapi.access"


def test_no_line_holds_the_key(server: RunningServer) -> None:
    httpx.get(f"{server.url}/nothing?token={KEY}")
    httpx.get(f"{server.url}/health/ready", headers={"Authorization": f"Bearer {KEY}"})
    server.stop()
    assert not [line for line in server.log if KEY in line]
    server.start()
