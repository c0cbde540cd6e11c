"""Too much at once: large bodies, many requests, many clients."""

import asyncio
import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.images import as_base64
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import SHORT, busy, serving

HUNDRED_MB = 100 * 2**20
PIECE = b" " * 2**20


def pieces() -> Iterator[bytes]:
    """A prompt that begins well, and 100 MB after it."""
    yield b'{"prompt": "a cat", "x": "'
    for _ in range(HUNDRED_MB // len(PIECE)):
        yield PIECE


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
def test_a_body_of_100_mb_is_refused_with_the_limit_and_the_server_lives(
    scripted: RunningServer, chunked: bool
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", scripted.port, timeout=60)
    headers = {} if chunked else {"Content-Length": str(HUNDRED_MB + 26)}
    connection.request("POST", "/txt2img", pieces(), headers, encode_chunked=chunked)
    answer = connection.getresponse()
    assert answer.status == 400
    error = json.loads(answer.read())["error"]
    connection.close()
    assert error == "The request body is too large: at most 64 MB (setting server.max_body_mb)"
    assert scripted.get("/queue")["total_count"] == 0
    assert scripted.get("/health")["status"] == "ok"


def test_a_smaller_limit_can_be_set(tmp_path: Path) -> None:
    with serving(tmp_path, server_max_body_mb="1") as server:
        error = server.post("/txt2img", {**SHORT, "negative_prompt": "x" * 2**20}, expect=400)["error"]
        assert "at most 1 MB" in error
        server.make(**SHORT)


def test_a_client_that_goes_away_in_the_middle_of_a_body_harms_nobody(scripted: RunningServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", scripted.port, timeout=60)
    connection.putrequest("POST", "/txt2img")
    connection.putheader("Content-Length", "1000")
    connection.endheaders()
    connection.send(b'{"prompt": ')
    connection.close()
    assert scripted.get("/health")["status"] == "ok"


async def post_all(url: str, bodies: list[dict[str, Any]]) -> list[httpx.Response]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:
        return await asyncio.gather(*(client.post("/txt2img", json=body) for body in bodies))


def test_200_requests_at_once_are_all_accepted_and_run_in_their_order(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        with busy(server):
            bodies = [{**SHORT, "steps": 1, "prompt": f"number {i}"} for i in range(200)]
            answers = asyncio.run(post_all(server.url, bodies))
            assert {answer.status_code for answer in answers} == {202}
            accepted = sorted((answer.json() for answer in answers), key=lambda body: body["position"])
            assert [body["position"] for body in accepted] == list(range(1, 201))
            queued = [body["job_id"] for body in accepted]
            assert [job["job_id"] for job in server.get("/queue", order="asc")["items"]][1:] == queued
            prompts = {job["params"]["prompt"] for job in server.get("/queue", status="pending")["items"]}
            assert prompts == {body["prompt"] for body in bodies}
        assert server.wait_for_job(queued[-1])["status"] == "completed"
        done = server.get("/queue", status="completed", order="asc")["items"]
        assert [job["job_id"] for job in done] == queued
        starts = [job["timings"]["started_at"] for job in done]
        assert starts == sorted(starts)


def test_100_watching_clients_all_hear_the_same(scripted: RunningServer) -> None:
    heard: list[list[str]] = []

    def watch(ready: threading.Barrier) -> None:
        with scripted.events() as events:
            events.next()
            ready.wait(60)
            events.wait_for("job_status_changed", lambda data: data["status"] == "completed")
            heard.append([message["event"] for message in events.heard if "progress" not in message["event"]])

    ready = threading.Barrier(101)
    watchers = [threading.Thread(target=watch, args=(ready,)) for _ in range(100)]
    for watcher in watchers:
        watcher.start()
    ready.wait(60)
    scripted.submit(**SHORT)
    for watcher in watchers:
        watcher.join(60)
    assert len(heard) == 100
    assert {tuple(events) for events in heard} == {
        ("server_status", "job_added", "job_status_changed", "job_status_changed")
    }


def test_nothing_but_the_outputs_of_finished_jobs_gets_into_the_output_folder(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        done = [server.make("/img2img", **SHORT, init_image_base64=as_base64())["job_id"]]
        with busy(server):
            server.http.delete(f"/queue/{server.submit(**SHORT)}")
            done.append(server.submit(**SHORT))
        server.wait_for_job(done[-1])
        server.post("/models/load", {"model_name": "refused.safetensors"}, expect=500)
        assert {path.name for path in server.output_dir.iterdir()} == set(done)
        for job_id in done:
            names = {path.name for path in (server.output_dir / job_id).iterdir()}
            assert names == {"config.json", "image_0.png"}
