"""Answers that wait for the end of a job: the query `wait`, and GET /queue/{job_id}/wait."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.support.images import as_base64
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import MODEL, NEVER_ENDING, SCRIPTED, SHORT, busy
from tests.support.server_setup import ServerSetup

UPSCALER = "upscaler.safetensors"
SERVER = ServerSetup(scripted=True, files=[f"esrgan/{UPSCALER}"], loads=[SCRIPTED])
# What a job of each kind needs.
REQUESTS = {
    "/txt2img": SHORT,
    "/img2img": {**SHORT, "init_image_base64": as_base64()},
    "/upscale": {"image_base64": as_base64()},
}
# The scripted engine converts nothing: this job waits until it is cancelled.
CONVERT = {"input_path": MODEL, "output_type": "q8_0", "not_before": "2999-01-01T00:00:00Z"}


@pytest.fixture(scope="module")
def server(server: RunningServer) -> RunningServer:
    server.post("/upscaler/load", {"model_name": UPSCALER})
    return server


@contextmanager
def cancelled_afterwards(server: RunningServer, job_id: str) -> Iterator[None]:
    try:
        yield
    finally:
        server.http.delete(f"/queue/{job_id}")


@pytest.mark.parametrize("path", REQUESTS)
def test_a_request_that_waits_is_answered_with_the_job_that_has_ended(
    server: RunningServer, path: str
) -> None:
    answer = server.http.post(path, params={"wait": 60}, json=REQUESTS[path])
    assert answer.status_code == 200, answer.text
    job = answer.json()
    assert job["status"] in ("completed", "failed")
    assert job == server.get(f"/queue/{job['job_id']}")


def test_a_job_that_takes_longer_is_answered_as_it_is_then_and_goes_on(server: RunningServer) -> None:
    with busy(server):
        answer = server.http.post("/txt2img", params={"wait": 0.05}, json=SHORT)
        assert answer.status_code == 202
        job = answer.json()
        assert (job["status"], job["position"]) == ("pending", 1)
    assert server.wait_for_job(job["job_id"])["status"] == "completed"


def test_a_wait_of_no_time_answers_at_once_with_the_job(server: RunningServer) -> None:
    with busy(server):
        answer = server.http.post("/txt2img", params={"wait": 0}, json=SHORT)
        assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    server.wait_for_job(answer.json()["job_id"])


def test_a_conversion_can_be_waited_for_too(server: RunningServer) -> None:
    answer = server.http.post("/convert", params={"wait": 0.01}, json=CONVERT)
    job = answer.json()
    with cancelled_afterwards(server, job["job_id"]):
        assert (answer.status_code, job["status"], job["type"]) == (202, "pending", "convert")
        assert job["output_path"].endswith(".gguf")


@pytest.mark.parametrize("value", ["601", "-1", "nan", "inf", "long", ""])
@pytest.mark.parametrize("path", [*REQUESTS, "/txt2vid", "/convert"])
def test_a_wait_that_is_no_time_up_to_ten_minutes_is_refused_and_makes_no_job(
    server: RunningServer, path: str, value: str
) -> None:
    before = server.get("/queue", limit=1)["total_count"]
    body = CONVERT if path == "/convert" else REQUESTS.get(path, SHORT)
    answer = server.http.post(f"{path}?wait={value}", json=body)
    assert (answer.status_code, answer.json()["field"]) == (400, "wait")
    assert server.get("/queue", limit=1)["total_count"] == before


def test_a_request_that_is_refused_does_not_wait(server: RunningServer) -> None:
    answer = server.http.post("/txt2img", params={"wait": 600}, json={**SHORT, "width": 0})
    assert (answer.status_code, answer.json()["field"]) == (400, "width")


def test_a_waiting_client_is_told_when_the_job_ends_however_it_ends(server: RunningServer) -> None:
    job_id = server.submit(**NEVER_ENDING)
    with ThreadPoolExecutor() as other, cancelled_afterwards(server, job_id):
        with server.events() as events:
            waiting = other.submit(server.http.get, f"/queue/{job_id}/wait", params={"seconds": 60})
            events.wait_for("job_progress", lambda data: data["job_id"] == job_id)
            server.http.delete(f"/queue/{job_id}")
        answer = waiting.result()
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")


def test_a_job_that_has_ended_is_answered_without_waiting(server: RunningServer) -> None:
    job = server.make(**SHORT)
    answer = server.http.get(f"/queue/{job['job_id']}/wait")
    assert (answer.status_code, answer.json()) == (200, job)


def test_a_job_that_runs_on_is_answered_with_202(server: RunningServer) -> None:
    with busy(server) as job_id:
        answer = server.http.get(f"/queue/{job_id}/wait", params={"seconds": 0.01})
        assert (answer.status_code, answer.json()["status"]) == (202, "processing")


@pytest.mark.parametrize("value", ["600.5", "-1", "nan", "soon"])
def test_seconds_that_are_no_time_up_to_ten_minutes_are_refused(server: RunningServer, value: str) -> None:
    answer = server.http.get(f"/queue/any/wait?seconds={value}")
    assert (answer.status_code, answer.json()["field"]) == (400, "seconds")


def test_a_job_that_does_not_exist_cannot_be_waited_for(server: RunningServer) -> None:
    answer = server.http.get("/queue/nobody/wait")
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")


def test_a_client_that_goes_away_leaves_its_job(server: RunningServer) -> None:
    body = b'{"prompt": "left alone", "steps": 2, "width": 64, "height": 64}'
    head = f"POST /txt2img?wait=600 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    with (
        busy(server),
        server.events() as events,
        socket.create_connection(("127.0.0.1", server.port)) as client,
    ):
        client.sendall(head.encode() + body)
        job_id = events.wait_for("job_added")["job_id"]
    assert server.wait_for_job(job_id)["status"] == "completed"
