"""The disk is full, or another program locks the database: the queue waits, tells it, and loses nothing."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.images import as_base64, picture
from tests.support.running_server import RunningServer, of_job
from tests.support.scripted_engine import NEVER_ENDING, SCRIPTED, SHORT, environment, serving
from tests.support.storage_faults import full, locked, small_disk_at

STALLED = "could not be stored, and is tried again until it is"
STORED = "is stored now"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of a test's server."""
    return tmp_path


@pytest.fixture
def small_disk(root: Path) -> Iterator[Path]:
    """The data directory on a disk of 3 MB."""
    with small_disk_at(root / "data", megabytes=3) as disk:
        yield disk


def wait_until_stalled(server: RunningServer) -> dict[str, Any]:
    """Wait until the queue stands still; what /health/ready answers."""
    server.wait_for_log(STALLED)
    answer = server.http.get("/health/ready")
    assert answer.status_code == 503
    state: dict[str, Any] = answer.json()
    assert state == server.get("/health")["queue"]
    assert state["state"] == "stalled"
    return state


def assert_running(server: RunningServer) -> None:
    assert server.http.get("/health/ready").json() == {"state": "running", "reason": None}
    assert server.get("/health")["queue"]["state"] == "running"


# ------------------------------------------------------------------ a full disk


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/txt2img", SHORT),
        ("/img2img", SHORT | {"init_image_base64": as_base64(picture())}),
        ("/models/load", SCRIPTED),
    ],
    ids=["txt2img", "img2img", "load"],
)
def test_a_full_disk_is_told_with_its_folder_and_nothing_is_half_done(
    small_disk: Path, root: Path, path: str, body: dict[str, Any]
) -> None:
    with serving(root) as server:
        with full(small_disk):
            answer = server.http.post(path, json=body)
            assert answer.status_code == 507
            assert answer.json() == {
                "error": f"The disk is full: {small_disk} has no room for the queue",
                "code": "disk_full",
            }
            assert server.get("/queue")["total_count"] == 0
        server.post("/models/load", SCRIPTED)
        server.make(**SHORT)


@pytest.mark.heavy
def test_a_job_that_ends_while_the_disk_is_full_completes_once_there_is_room(
    small_disk: Path, root: Path
) -> None:
    with serving(root) as server:
        with server.events() as events:
            ending = server.submit(**SHORT | {"steps": 400})
            waiting = server.submit(**SHORT)
            events.wait_for("job_progress", of_job(ending))
            with full(small_disk):
                state = wait_until_stalled(server)
                assert state["reason"] == f"The disk is full: {small_disk} has no room for the queue"
                job = server.get(f"/queue/{ending}")
                assert job["status"] == "processing"
                assert job["progress"]["percentage"] == 100.0
            assert server.wait_for_job(ending)["status"] == "completed"
            assert server.wait_for_job(waiting)["status"] == "completed"
        assert_running(server)
        assert server.stop() == 0


@pytest.mark.heavy
def test_a_server_is_stopped_in_order_while_the_disk_is_full(small_disk: Path, root: Path) -> None:
    with serving(root) as server:
        with server.events() as events:
            ending = server.submit(**SHORT | {"steps": 400})
            events.wait_for("job_progress", of_job(ending))
        with full(small_disk):
            wait_until_stalled(server)
            assert server.stop() == 0
        server.start()
        assert server.wait_for_job(ending)["status"] == "completed"


def test_a_reserve_that_is_reached_refuses_jobs_and_names_folder_and_setting(root: Path) -> None:
    with serving(root, limits_min_free_disk_mb=str(2**40)) as server:
        error = server.post("/txt2img", SHORT, expect=507)["error"]
        assert str(root / "data") in error
        assert "limits.min_free_disk_mb" in error
        assert server.get("/queue")["total_count"] == 0


# ------------------------------------------------------------------ a disk that fails

PRELOAD = [Path("/usr/lib/fiu") / name for name in ("fiu_run_preload.so", "fiu_posix_preload.so")]
EIO = 5
# What SQLite calls of the C library when it writes its log and brings it to the disk.
CALLS = ["posix/io/rw/pwrite", "posix/io/sync/fdatasync"]


@contextmanager
def failing(server: RunningServer, control: Path, call: str) -> Iterator[None]:
    """This call of the server's C library fails with an input/output error for the block."""

    def tell(command: str) -> None:
        told = ["fiu-ctrl", "-f", str(control), "-c", command, str(server.process.pid)]
        subprocess.run(told, check=True, capture_output=True)

    tell(f"enable name={call},failinfo={EIO}")
    try:
        yield
    finally:
        tell(f"disable name={call}")


@pytest.mark.heavy
@pytest.mark.parametrize("call", CALLS)
def test_a_job_that_ends_while_the_disk_fails_completes_once_it_works(root: Path, call: str) -> None:
    if not all(path.exists() for path in PRELOAD):
        pytest.skip("needs libfiu (Debian: fiu-utils)")
    control = root / "control"
    preloaded = {"LD_PRELOAD": " ".join(map(str, PRELOAD)), "FIU_CTRL_FIFO": str(control)}
    with RunningServer(root, env=environment(root) | preloaded) as server:
        server.post("/models/load", SCRIPTED)
        with server.events() as events:
            ending = server.submit(**SHORT | {"steps": 100})
            waiting = server.submit(**SHORT)
            events.wait_for("job_progress", of_job(ending))
            with failing(server, control, call):
                state = wait_until_stalled(server)
                assert "the disk does not read or write it" in state["reason"]
                answer = server.http.post("/txt2img", json=SHORT)
                assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
            assert server.wait_for_job(ending)["status"] == "completed"
            assert server.wait_for_job(waiting)["status"] == "completed"
        assert server.get("/queue")["total_count"] == 2
        assert_running(server)
        assert server.stop() == 0


# ------------------------------------------------------------------ a locked database


@pytest.mark.heavy
@pytest.mark.parametrize("seconds", [9, pytest.param(30, marks=pytest.mark.heavy)])
def test_a_job_that_ends_while_another_program_locks_the_database_completes(
    root: Path, seconds: float
) -> None:
    with serving(root) as server:
        with server.events() as events:
            ending = server.submit(**SHORT | {"steps": 100})
            waiting = server.submit(**SHORT)
            events.wait_for("job_progress", of_job(ending))
            with locked(root):
                state = wait_until_stalled(server)
                assert "another program holds it locked" in state["reason"]
                with pytest.raises(TimeoutError):  # nothing becomes of a job for as long as the lock is held
                    events.wait_for("job_status_changed", seconds=seconds - 5)
            assert server.wait_for_job(ending)["status"] == "completed"
            assert server.wait_for_job(waiting)["status"] == "completed"
        assert_running(server)


@pytest.mark.heavy
def test_a_claim_that_finds_the_database_locked_is_tried_again(root: Path) -> None:
    with serving(root) as server:
        due = datetime.now(UTC) + timedelta(seconds=2)
        job_id = server.submit(**SHORT | {"not_before": due.isoformat()})
        with locked(root):
            wait_until_stalled(server)
            assert server.get(f"/queue/{job_id}")["status"] == "pending"
            # A load needs the engine, not the database, to begin.
            assert server.get("/health")["loaded_slots"][0]["busy"] is False
        assert server.wait_for_job(job_id)["status"] == "completed"
        assert_running(server)


@pytest.mark.heavy
def test_a_job_whose_engine_is_lost_while_the_database_is_locked_runs_again(root: Path) -> None:
    with serving(root) as server:
        with server.events() as events:
            job_id = server.submit(**SHORT | {"steps": 2000})
            events.wait_for("job_progress", of_job(job_id))
            with locked(root):
                (child,) = children(server)
                os.kill(child, 9)
                wait_until_stalled(server)
            assert server.wait_for_job(job_id)["status"] == "completed"
        assert_running(server)


@pytest.mark.heavy
def test_a_job_that_fails_while_the_database_is_locked_fails_with_its_own_reason(root: Path) -> None:
    with serving(root, engine_cancel_grace="1") as server, server.events() as events:
        job_id = server.submit(**NEVER_ENDING)
        follower = server.submit(**SHORT)
        events.wait_for("job_progress", of_job(job_id))
        with locked(root):
            answer = server.http.delete(f"/queue/{job_id}")
            assert answer.status_code == 503
            assert answer.json()["code"] == "storage_unavailable"
            assert server.get(f"/queue/{job_id}")["status"] == "processing"
        assert server.http.delete(f"/queue/{job_id}").status_code == 200
        assert server.wait_for_job(follower)["status"] == "completed"


def children(server: RunningServer) -> list[int]:
    """Process ids of the engine children."""
    found = subprocess.run(
        ["pgrep", "-P", str(server.process.pid), "-f", "scripted_child"], check=True, capture_output=True
    )
    return [int(line) for line in found.stdout.split()]


# ------------------------------------------------------------------ progress


def test_progress_of_a_job_never_goes_backwards(root: Path) -> None:
    with serving(root) as server:
        for _ in range(5):
            job_id = server.submit(**SHORT | {"steps": 20})
            seen: list[float] = []
            while True:
                job = server.get(f"/queue/{job_id}")
                seen.append(job["progress"]["percentage"])
                if job["status"] == "completed":
                    break
            assert seen == sorted(seen)
