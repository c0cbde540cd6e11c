"""The WebSocket: events with their documented fields, on both ports."""

import json
import re
import socket
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.support.running_server import Events, RunningServer
from tests.support.scripted_engine import MODEL, NEVER_ENDING, REFUSED, SHORT

PROGRESS = {
    "step", "total_steps", "current_image", "total_images", "all_steps", "current_all_steps", "percentage"
}  # fmt: skip
COUNTS = {
    "pending_count", "processing_count", "completed_count", "failed_count", "cancelled_count", "total_count"
}  # fmt: skip
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def watched(server: RunningServer, **params: Any) -> tuple[str, list[dict[str, Any]]]:
    """Id and events of a job that is followed from its submission to its end."""
    with server.events() as events:
        job_id = server.submit(**SHORT | params)
        events.wait_for("job_status_changed", lambda d: d["job_id"] == job_id and d["status"] == "completed")
    return job_id, [m for m in events.heard if m["data"].get("job_id") == job_id]


def addresses(server: RunningServer) -> list[str]:
    return [
        f"ws://127.0.0.1:{server.ws_port}",
        f"ws://127.0.0.1:{server.ws_port}/ws",
        f"ws://127.0.0.1:{server.port}/ws",
    ]


@pytest.mark.parametrize("which", [0, 1, 2], ids=["own port", "own port /ws", "main port /ws"])
def test_every_address_tells_the_same_events(scripted: RunningServer, which: int) -> None:
    with scripted.events(addresses(scripted)[which]) as events:
        job_id = scripted.submit(**SHORT)
        assert events.wait_for("job_added")["job_id"] == job_id
        events.wait_for("job_status_changed", lambda d: d["job_id"] == job_id and d["status"] == "completed")


def test_a_new_client_is_told_the_servers_status_at_once(scripted: RunningServer) -> None:
    with scripted.events() as events:
        first = events.next()
    assert first["event"] == "server_status"
    assert first["data"].keys() == scripted.get("/health").keys() | COUNTS
    assert first["data"]["model_name"] == MODEL


def test_every_message_has_the_documented_envelope(scripted: RunningServer) -> None:
    _, messages = watched(scripted)
    for message in messages:
        assert message.keys() == {"event", "timestamp", "data"}
        assert MOMENT.fullmatch(message["timestamp"])


def test_job_added_tells_id_type_and_position(scripted: RunningServer) -> None:
    job_id, messages = watched(scripted)
    assert messages[0]["event"] == "job_added"
    assert messages[0]["data"] == {"job_id": job_id, "type": "txt2img", "queue_position": 1}


def test_job_status_changed_tells_each_change_with_what_applies_to_it(scripted: RunningServer) -> None:
    job_id, messages = watched(scripted)
    begun, ended = (m["data"] for m in messages if m["event"] == "job_status_changed")
    job = scripted.get(f"/queue/{job_id}")
    assert begun == {
        "job_id": job_id,
        "status": "processing",
        "previous_status": "pending",
        "outputs": [],
        "started_at": job["started_at"],
    }
    assert ended == {
        "job_id": job_id,
        "status": "completed",
        "previous_status": "processing",
        "outputs": [f"{job_id}/image_0.png"],
        "started_at": job["started_at"],
        "completed_at": job["completed_at"],
    }


def test_job_progress_has_the_documented_fields_and_the_seven_of_the_queue(scripted: RunningServer) -> None:
    job_id, messages = watched(scripted, steps=4)
    progress = [m["data"] for m in messages if m["event"] == "job_progress"]
    for data in progress:
        assert data.keys() - {"eta_seconds"} == PROGRESS | {"job_id"}
        assert (data["job_id"], data["total_steps"], data["all_steps"]) == (job_id, 4, 4)


def test_a_running_job_tells_how_long_it_still_takes(scripted: RunningServer) -> None:
    _, messages = watched(scripted, steps=200)
    left = [m["data"].get("eta_seconds") for m in messages if m["event"] == "job_progress"]
    assert left[len(left) // 2] > left[-1]
    job_id = scripted.submit(**NEVER_ENDING)
    with scripted.events() as events:
        events.wait_for("job_progress", lambda data: data["job_id"] == job_id and data["step"] > 1)
        assert scripted.get(f"/queue/{job_id}")["eta_seconds"] > 1000
        scripted.http.delete(f"/queue/{job_id}")
    assert "eta_seconds" not in scripted.wait_for_job(job_id)


@pytest.mark.parametrize("steps", [1, 3, 200])
def test_the_last_step_is_always_told(scripted: RunningServer, steps: int) -> None:
    _, messages = watched(scripted, steps=steps)
    last = [m["data"] for m in messages if m["event"] == "job_progress"][-1]
    assert (last["step"], last["percentage"]) == (steps, 100.0)


def test_progress_comes_at_most_ten_times_a_second(scripted: RunningServer) -> None:
    _, messages = watched(scripted, steps=200)
    told = [datetime.fromisoformat(m["timestamp"]) for m in messages if m["event"] == "job_progress"][:-1]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(told)]
    assert gaps
    # Two clocks that are rounded to milliseconds.
    assert min(gaps) > 0.09


def test_events_of_a_job_come_in_order(scripted: RunningServer) -> None:
    _, messages = watched(scripted, steps=3)
    assert [m["event"] for m in messages[:2]] == ["job_added", "job_status_changed"]
    assert messages[-1]["event"] == "job_status_changed"
    times = [m["timestamp"] for m in messages]
    assert times == sorted(times)


def test_a_load_tells_its_progress_and_its_end(scripted: RunningServer) -> None:
    scripted.post("/models/unload")
    with scripted.events() as events:
        scripted.post("/models/load", {"model_name": MODEL})
        progress = events.wait_for("model_loading_progress")
        loaded = events.wait_for("model_loaded")
        scripted.post("/models/load", {"model_name": MODEL})
        assert events.wait_for("model_loaded") == loaded  # it was in memory already
    assert progress == {"model_name": MODEL, "step": 1, "total_steps": 2}
    assert loaded.keys() == {"model_name", "model_type", "model_architecture", "loaded_components"}
    assert (loaded["model_name"], loaded["model_type"]) == (MODEL, "checkpoint")
    assert loaded["model_architecture"] == "SD1.5"


def test_a_failed_load_and_an_unload_are_told(scripted: RunningServer) -> None:
    with scripted.events() as events:
        scripted.post("/models/load", {"model_name": REFUSED}, expect=500)
        assert events.wait_for("model_load_failed").keys() == {"model_name", "error"}
        scripted.post("/models/load", {"model_name": MODEL})
        scripted.post("/models/unload")
        assert events.wait_for("model_unloaded") == {"model_name": MODEL}
        scripted.post("/models/load", {"model_name": MODEL})


def test_a_ping_is_answered(scripted: RunningServer) -> None:
    with scripted.events() as events:
        events.connection.send('{"type": "ping"}')
        assert events.wait_for("pong") == {}


def test_get_status_is_answered_with_a_server_status(scripted: RunningServer) -> None:
    with scripted.events() as events:
        events.next()
        events.connection.send(json.dumps({"type": "get_status"}))
        assert events.wait_for("server_status").keys() >= COUNTS | {"model_loaded"}


@pytest.mark.parametrize(
    "message", ["", "hello", "[]", "null", '{"type": "dance"}', '{"type": 1}', "{" * 5000, b"\x00\xff", b""]
)
def test_a_message_that_makes_no_sense_does_no_harm(scripted: RunningServer, message: str | bytes) -> None:
    with scripted.events() as events:
        events.connection.send(message)
        events.connection.send('{"type": "ping"}')
        assert events.wait_for("pong") == {}


def test_a_path_that_is_no_websocket_is_refused(scripted: RunningServer) -> None:
    with pytest.raises(InvalidStatus), scripted.events(f"ws://127.0.0.1:{scripted.ws_port}/other"):
        pass


def deaf_client(server: RunningServer) -> socket.socket:
    """A client that completes the handshake and never reads again, with the smallest buffer there is."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    client.connect(("127.0.0.1", server.ws_port))
    client.sendall(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert client.recv(12) == b"HTTP/1.1 101"
    return client


def hears_a_whole_job(events: Events, server: RunningServer) -> None:
    job_id = server.submit(**SHORT)
    of_it = []
    while "completed" not in of_it:
        of_it.append(events.wait_for("job_status_changed", lambda data: data["job_id"] == job_id)["status"])
    assert of_it == ["processing", "completed"]


def test_a_client_that_never_reads_harms_nobody(scripted: RunningServer) -> None:
    deaf = [deaf_client(scripted) for _ in range(3)]
    try:
        with scripted.events() as events:
            for _ in range(40):
                hears_a_whole_job(events, scripted)
        assert scripted.get("/health")["status"] == "ok"
    finally:
        for client in deaf:
            client.close()


def test_a_client_that_leaves_without_a_word_harms_nobody(scripted: RunningServer) -> None:
    deaf_client(scripted).close()
    with scripted.events() as events:
        hears_a_whole_job(events, scripted)
