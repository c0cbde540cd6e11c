"""A server that stops, in whatever way, loses no job and forgets no model."""

import signal
import sqlite3
from contextlib import closing

import psutil
import pytest

from tests.support.running_server import RunningServer
from tests.support.scripted_engine import MODEL, PROMPT, StartFaulty, load

pytestmark = pytest.mark.heavy

LONG = PROMPT | {"steps": 900}


def start_long_job(server: RunningServer) -> str:
    """Submit a job of several seconds; its id once it runs."""
    with server.events() as events:
        job_id = server.submit(**LONG)
        events.wait_for("job_progress")
    return job_id


def wait_until_it_runs(server: RunningServer, job_id: str) -> None:
    with server.events() as events:
        if server.get(f"/queue/{job_id}")["status"] != "processing":
            events.wait_for("job_progress")


def test_pending_jobs_survive_a_kill_in_their_order(start_faulty: StartFaulty) -> None:
    server = start_faulty("good")
    load(server)
    running = start_long_job(server)
    waiting = [server.submit(**PROMPT) for _ in range(5)]
    server.kill()
    server.start()
    jobs = [server.wait_for_job(job_id) for job_id in (running, *waiting)]
    assert [job["status"] for job in jobs] == ["completed"] * 6
    started = [job["timings"]["started_at"] for job in jobs]
    assert started == sorted(started)


def test_a_stopped_server_returns_the_running_job_to_the_queue(start_faulty: StartFaulty) -> None:
    server = start_faulty("good", engine_load_on_start="false")
    load(server)
    job_id = start_long_job(server)
    assert server.stop() == 0
    with closing(sqlite3.connect(server.data_dir / "sdcpp.db")) as database:
        row = database.execute("SELECT status, unclean, lost FROM jobs WHERE id = ?", (job_id,)).fetchone()
    assert row == ("pending", 0, 0)


def test_a_job_that_was_running_at_three_unclean_stops_is_failed(start_faulty: StartFaulty) -> None:
    server = start_faulty("good")
    load(server)
    job_id = start_long_job(server)
    for _ in range(2):
        server.kill()
        server.start()
        wait_until_it_runs(server, job_id)
    server.kill()
    server.start()
    job = server.get(f"/queue/{job_id}")
    assert job["status"] == "failed"
    assert "uncleanly 3 times" in job["error"]


def test_orderly_stops_are_not_held_against_a_job(start_faulty: StartFaulty) -> None:
    server = start_faulty("good")
    load(server)
    job_id = start_long_job(server)
    for _ in range(4):
        server.restart()
        wait_until_it_runs(server, job_id)
    assert server.get(f"/queue/{job_id}")["status"] == "processing"


def test_the_model_of_the_last_run_is_loaded_again(start_faulty: StartFaulty) -> None:
    server = start_faulty("good")
    load(server)
    server.kill()
    server.start()
    assert server.make(**PROMPT)["model"] == MODEL
    assert server.get("/health")["model_name"] == MODEL


def test_an_unloaded_model_stays_unloaded_after_a_restart(start_faulty: StartFaulty) -> None:
    server = start_faulty("good")
    load(server)
    server.post("/models/unload")
    server.restart()
    assert server.post("/txt2img", PROMPT, expect=400)["error"] == "No model loaded"


def test_no_engine_survives_a_killed_server(start_faulty: StartFaulty) -> None:
    server = start_faulty("good")
    load(server)
    start_long_job(server)
    (child,) = psutil.Process(server.process.pid).children()
    server.kill()
    assert psutil.wait_procs([child], timeout=30)[1] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_in_order_even_with_listeners(
    start_faulty: StartFaulty, number: signal.Signals
) -> None:
    server = start_faulty("good")
    load(server)
    with server.events() as events:
        events.wait_for("server_status")
        assert server.stop(number) == 0


def test_a_second_server_on_the_same_data_directory_names_the_first(start_faulty: StartFaulty) -> None:
    server = start_faulty("good")
    with pytest.raises(AssertionError, match=rf"pid {server.process.pid}, port {server.port}"):
        start_faulty("good")
    assert server.get("/health")["status"] == "ok"
