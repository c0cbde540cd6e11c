"""DELETE /queue/{job_id}."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.running_server import RunningServer
from tests.support.scripted_engine import NEVER_ENDING, SHORT, busy, serving

CANCELLED = {"success": True, "message": "Job cancelled"}
CANNOT = "Cannot cancel job (not found or already processing)"


def cancel(server: RunningServer, job_id: str, expect: int = 200) -> Any:
    answer = server.http.delete(f"/queue/{job_id}")
    assert answer.status_code == expect, answer.text
    return answer.json()


def test_a_pending_job_is_cancelled_and_never_runs(scripted: RunningServer) -> None:
    with busy(scripted):
        pending, after = scripted.submit(**SHORT), scripted.submit(**SHORT)
        assert cancel(scripted, pending) == CANCELLED
    assert scripted.wait_for_job(after)["status"] == "completed"
    job = scripted.get(f"/queue/{pending}")
    assert (job["status"], job["outputs"]) == ("cancelled", [])
    assert job["progress"]["step"] == 0


def test_a_running_job_is_cancelled_and_leaves_nothing_half_written(scripted: RunningServer) -> None:
    with busy(scripted) as running:
        after = scripted.submit(**SHORT)
        assert cancel(scripted, running) == CANCELLED
        assert scripted.get(f"/queue/{running}")["status"] == "cancelled"
    assert scripted.wait_for_job(after)["status"] == "completed"
    assert not [path for path in scripted.output_dir.iterdir() if running in path.name]


def test_a_cancel_tells_both_events(scripted: RunningServer) -> None:
    with scripted.events() as events:
        job_id = scripted.submit(**NEVER_ENDING)
        events.wait_for("job_progress", lambda data: data["job_id"] == job_id)
        cancel(scripted, job_id)
        changed = events.wait_for("job_status_changed", lambda data: data["status"] == "cancelled")
        assert events.wait_for("job_cancelled") == {"job_id": job_id}
    assert (changed["job_id"], changed["previous_status"]) == (job_id, "processing")
    assert changed["completed_at"]


def test_a_finished_job_cannot_be_cancelled(scripted: RunningServer) -> None:
    job = scripted.make(**SHORT)
    assert cancel(scripted, job["job_id"], expect=400)["error"] == CANNOT
    assert scripted.get(f"/queue/{job['job_id']}") == job


def test_a_job_is_cancelled_only_once(scripted: RunningServer) -> None:
    with busy(scripted):
        job_id = scripted.submit(**SHORT)
        assert cancel(scripted, job_id) == CANCELLED
        assert cancel(scripted, job_id, expect=400)["error"] == CANNOT


@pytest.mark.parametrize("job_id", ["550e8400-e29b-41d4-a716-446655440000", "x"])
def test_an_unknown_job_cannot_be_cancelled(scripted: RunningServer, job_id: str) -> None:
    assert cancel(scripted, job_id, expect=400)["error"] == CANNOT


def test_a_whole_queue_can_be_cancelled_while_it_works(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        with busy(server) as running:
            for job_id in [server.submit(**SHORT) for _ in range(20)]:
                cancel(server, job_id)
        queue = server.get("/queue")
        assert (queue["cancelled_count"], queue["pending_count"]) == (21, 0)
        assert server.get(f"/queue/{running}")["status"] == "cancelled"
        assert server.make(**SHORT)["status"] == "completed"
