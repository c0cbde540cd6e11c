"""The header Idempotency-Key: a request that is sent again makes no second job."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.images import as_base64
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import MODEL, SCRIPTED, SHORT, busy
from tests.support.server_setup import ServerSetup

UPSCALER = "upscaler.safetensors"
SERVER = ServerSetup(
    scripted=True,
    files=[f"esrgan/{UPSCALER}"],
    loads=[SCRIPTED],
    env={"SDCPP_DOWNLOADS_ALLOW_PRIVATE": "1", "SDCPP_DOWNLOADS_RETRIES": "0"},
)
DOWNLOAD = {"model_type": "vae", "url": "http://127.0.0.1:1/vae.safetensors"}
REQUESTS: dict[str, dict[str, Any]] = {
    "/txt2img": SHORT,
    "/img2img": {**SHORT, "init_image_base64": as_base64()},
    "/upscale": {"image_base64": as_base64()},
    # The scripted engine converts nothing: this job waits until it is cancelled.
    "/convert": {"input_path": MODEL, "output_type": "q8_0", "not_before": "2999-01-01T00:00:00Z"},
    "/models/download": DOWNLOAD,
}


@pytest.fixture(scope="module")
def server(server: RunningServer) -> RunningServer:
    server.post("/upscaler/load", {"model_name": UPSCALER})
    return server


@pytest.fixture
def key() -> str:
    return str(uuid4())


def send(server: RunningServer, key: str, path: str = "/txt2img", **query: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key}
    return server.http.post(path, params=query, headers=headers, json=REQUESTS[path])


def count_jobs(server: RunningServer) -> int:
    return int(server.get("/queue", limit=1)["total_count"])


@pytest.mark.parametrize("path", REQUESTS)
def test_the_same_request_with_the_same_key_gets_the_first_answer_and_makes_no_second_job(
    server: RunningServer, path: str, key: str
) -> None:
    first = send(server, key, path)
    assert first.status_code == 202, first.text
    jobs = count_jobs(server)
    job_id = first.json().get("hash_job_id") or first.json()["job_id"]
    if path == "/convert":
        server.http.delete(f"/queue/{job_id}")
    server.wait_for_job(job_id)
    again = send(server, key, path)
    assert (again.status_code, again.json()) == (202, first.json())
    assert count_jobs(server) == jobs
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"


def test_the_same_request_with_another_key_or_none_makes_another_job(server: RunningServer) -> None:
    ids = {send(server, str(uuid4())).json()["job_id"] for _ in range(2)}
    ids |= {server.submit(**SHORT) for _ in range(2)}
    assert len(ids) == 4


@pytest.mark.parametrize(
    ("path", "body"), [("/txt2img", {**SHORT, "seed": 1}), ("/img2img", REQUESTS["/img2img"])]
)
def test_another_request_with_the_same_key_is_refused(
    server: RunningServer, path: str, body: object, key: str
) -> None:
    send(server, key)
    jobs = count_jobs(server)
    answer = server.http.post(path, headers={"Idempotency-Key": key}, json=body)
    assert answer.status_code == 409
    assert answer.json()["code"] == "idempotency_key_reused"
    assert answer.json()["field"] == "Idempotency-Key"
    assert key in answer.json()["error"]
    assert count_jobs(server) == jobs


def test_requests_that_come_at_the_same_time_make_one_job(server: RunningServer, key: str) -> None:
    jobs = count_jobs(server)
    with ThreadPoolExecutor(16) as clients, httpx.Client(base_url=server.url) as http:
        sent = [
            clients.submit(http.post, "/txt2img", json=SHORT, headers={"Idempotency-Key": key})
            for _ in range(16)
        ]
        answers = [one.result() for one in sent]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert len([answer for answer in answers if "idempotent-replayed" not in answer.headers]) == 1
    assert count_jobs(server) == jobs + 1


def test_a_request_that_was_refused_can_be_sent_again_with_its_key(server: RunningServer, key: str) -> None:
    headers = {"Idempotency-Key": key}
    refused = server.http.post("/txt2img", headers=headers, json={**SHORT, "width": 0})
    assert refused.status_code == 400
    server.post("/models/unload")
    assert server.http.post("/txt2img", headers=headers, json=SHORT).status_code == 400
    server.post("/models/load", SCRIPTED)
    assert server.http.post("/txt2img", headers=headers, json=SHORT).status_code == 202


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 256])
def test_a_key_that_is_none_is_refused(server: RunningServer, key: str) -> None:
    jobs = count_jobs(server)
    answer = server.http.post("/txt2img", headers={b"Idempotency-Key": key.encode()}, json=SHORT)
    assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key")
    assert count_jobs(server) == jobs


def test_the_longest_key_is_a_key(server: RunningServer) -> None:
    key = "x" * 255
    assert send(server, key).json() == send(server, key).json()


def test_a_request_that_is_sent_again_to_wait_waits_for_the_first_job(
    server: RunningServer, key: str
) -> None:
    with busy(server):
        first = send(server, key, wait=0.01)
        assert first.status_code == 202
    again = send(server, key, wait=60)
    assert (again.status_code, again.json()["job_id"]) == (200, first.json()["job_id"])
    assert again.json()["status"] == "completed"
    assert again.headers["idempotent-replayed"] == "true"


def test_answers_are_kept_over_restarts_and_beyond_their_jobs(server: RunningServer, key: str) -> None:
    first = send(server, key)
    job_id = first.json()["job_id"]
    server.wait_for_job(job_id)
    server.restart()
    assert send(server, key).json() == first.json()
    deleted = server.http.request("DELETE", "/queue/jobs", json={"job_ids": [job_id], "purge": True})
    assert deleted.status_code == 200
    assert send(server, key).json() == first.json()
