"""GET /events: the events of the WebSocket as server-sent events."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.event_streams import Sent, listening, next_of
from tests.support.raw_requests import request
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import NEVER_ENDING, SCRIPTED, SHORT, busy
from tests.support.server_setup import ServerSetup

# A grace that no test lives to see: what keeps a connection open at the end shows.
SERVER = ServerSetup(scripted=True, loads=[SCRIPTED], env={"SDCPP_SERVER_SHUTDOWN_GRACE": "600"})
WITHOUT_ID = {"job_progress", "job_preview", "server_status"}


def until_end(events: Iterator[Sent], job_id: str) -> list[Sent]:
    heard = []
    for event in events:
        heard.append(event)
        data = event.message["data"]
        if event.event == "job_status_changed" and data["job_id"] == job_id and data["status"] == "completed":
            break
    return heard


def test_the_stream_tells_what_the_websocket_tells(server: RunningServer) -> None:
    with server.events() as socket, listening(server) as events:
        assert next(events).event == "server_status"
        job_id = server.submit(**SHORT)
        heard = until_end(events, job_id)
        socket.wait_for("job_status_changed", lambda d: d["job_id"] == job_id and d["status"] == "completed")
    states = ("job_added", "job_status_changed")
    assert [e.message for e in heard if e.event in states] == [
        m for m in socket.heard if m["event"] in states
    ]
    for event in heard:
        assert event.event == event.message["event"]
        assert (event.id is None) == (event.event in WITHOUT_ID)


def test_the_answer_is_kept_nowhere_on_its_way(server: RunningServer) -> None:
    with server.http.stream("GET", "/events") as answer:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-accel-buffering"] == "no"
        assert next(answer.iter_lines()) == "retry: 2000"


def test_a_client_that_comes_back_is_told_what_it_missed(server: RunningServer) -> None:
    with listening(server, events="job_status_changed") as events:
        heard = until_end(events, server.submit(**SHORT))
    missed = server.make(**SHORT)["job_id"]
    with listening(server, heard[-1].id, events="job_status_changed") as events:
        again = until_end(events, missed)
    assert [(e.message["data"]["job_id"], e.message["data"]["status"]) for e in again] == [
        (missed, "processing"),
        (missed, "completed"),
    ]


def test_what_was_missed_comes_before_the_servers_status_and_only_once(server: RunningServer) -> None:
    with listening(server, events="job_added") as events:
        server.make(**SHORT)
        last = next(events).id
    server.make(**SHORT)
    with listening(server, last) as events:
        names = [next(events).event for _ in range(5)]
    ended = ["job_status_changed", "job_status_changed"]
    assert names == [*ended, "job_added", *ended]


@pytest.mark.parametrize("last", ["00000000-1", "nonsense", "-", "ä", "x" * 5000, "00000000-" + "9" * 5000])
def test_an_id_that_is_not_known_any_more_is_told(server: RunningServer, last: str) -> None:
    with listening(server, last) as events:
        lost = next(events)
        assert lost.event == "events_lost"
        assert next(events).event == "server_status"
    # From its id on everything is known again.
    job_id = server.make(**SHORT)["job_id"]
    with listening(server, lost.id, events="job_added") as events:
        assert next(events).message["data"]["job_id"] == job_id


def test_only_the_named_kinds_come(server: RunningServer) -> None:
    with listening(server, events="job_added, job_status_changed") as events:
        heard = until_end(events, server.submit(**SHORT))
    assert [event.event for event in heard] == ["job_added", "job_status_changed", "job_status_changed"]


@pytest.mark.parametrize("names", ["job_ended", "", "job_added,", "pong"])
def test_a_kind_that_does_not_exist_is_refused_by_name(server: RunningServer, names: str) -> None:
    answer = server.http.get("/events", params={"events": names})
    assert answer.status_code == 400
    assert answer.json()["field"] == "events"
    assert "job_status_changed" in answer.json()["error"]


def test_the_events_of_a_job_end_with_it(server: RunningServer) -> None:
    with busy(server):
        job_id = server.submit(**SHORT)
        with listening(server, job_id=job_id) as events:
            first = next(events)
            assert first.event == "job_state"
            expected = server.get(f"/queue/{job_id}")
            assert first.message["data"] == expected
            other = server.submit(**SHORT)
            server.http.delete(f"/queue/{job_id}")
            (last,) = list(events)
    assert last.message["data"]["status"] == "cancelled"
    assert (last.event, last.id) == ("job_status_changed", "end")
    server.wait_for_job(other)


def test_the_events_of_a_job_that_has_ended_are_its_state(server: RunningServer) -> None:
    job = server.make(**SHORT)
    with listening(server, job_id=job["job_id"], events="job_preview") as events:
        (only,) = list(events)
    assert (only.event, only.id, only.message["data"]) == ("job_state", "end", job)


def test_who_heard_the_end_of_a_job_is_told_not_to_come_back(server: RunningServer) -> None:
    job_id = server.make(**SHORT)["job_id"]
    answer = server.http.get("/events", params={"job_id": job_id}, headers={"Last-Event-ID": "end"})
    assert (answer.status_code, answer.content) == (204, b"")


def test_events_of_a_job_that_does_not_exist_are_not_found(server: RunningServer) -> None:
    answer = server.http.get("/events", params={"job_id": "nobody"})
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")


def test_a_head_request_does_not_wait_for_events(server: RunningServer) -> None:
    answer = request(server, "/events", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")


def test_a_page_of_another_site_hears_nothing(server: RunningServer) -> None:
    assert request(server, "/events", {"Origin": "https://evil.example"}).status == 403


def test_open_streams_and_waits_end_when_the_server_is_stopped_and_its_ids_with_it(
    server: RunningServer,
) -> None:
    job_id = server.submit(**NEVER_ENDING)
    with (
        ThreadPoolExecutor() as other,
        listening(server) as events,
        listening(server, job_id=job_id) as of_job,
    ):
        waiting = other.submit(
            httpx.get, f"{server.url}/queue/{job_id}/wait", params={"seconds": 600}, timeout=90
        )
        next_of(of_job, "job_progress")
        server.submit(**SHORT)
        last = next_of(events, "job_added").id
        assert server.stop(signal.SIGTERM) == 0
        list(of_job)
        list(events)
        answer = waiting.result()
    assert (answer.status_code, answer.json()["status"]) == (202, "processing")
    server.start()
    with listening(server, last) as events:
        assert next(events).event == "events_lost"
