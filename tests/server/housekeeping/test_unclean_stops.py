"""Files and database agree after any stop."""

import signal
import threading
from contextlib import suppress
from itertools import product
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.server.housekeeping.stock import folders, places, rows, start, stock
from tests.support.running_server import RunningServer

pytestmark = pytest.mark.heavy

# Some batches of the server's, so that the kill comes in the midst of them.
COUNT = 1_200


def assert_agreement(root: Path) -> None:
    """The folders of all jobs are where the database says, and there are no others."""
    found = places(root)
    for place, folder in (("queue", root / "output"), ("trash", root / "output" / ".trash")):
        assert folders(folder) == {job_id for job_id, where in found.items() if where == place}
    assert "gone" not in found.values()


def kill_amid(server: RunningServer, method: str, path: str, body: dict[str, object], event: str) -> None:
    """Send a request and kill the server as soon as the first of its events is heard."""

    def ask() -> None:
        with suppress(httpx.HTTPError):
            server.http.request(method, path, json=body)

    with server.events() as events:
        asking = threading.Thread(target=ask)
        asking.start()
        events.wait_for(event)
        server.process.send_signal(signal.SIGKILL)
        asking.join()
    server.kill()


def test_files_follow_the_database_after_kills_amid_deleting_restoring_and_purging(tmp_path: Path) -> None:
    ids = stock(tmp_path, COUNT)
    requests: list[tuple[str, str, dict[str, object], str]] = [
        ("DELETE", "/queue/jobs", {"job_ids": ids}, "job_deleted"),
        ("POST", "/queue/restore", {"job_ids": ids}, "job_restored"),
        ("DELETE", "/queue/jobs", {"job_ids": ids, "purge": True}, "job_deleted"),
    ]
    with start(tmp_path) as server:
        for method, path, body, event in requests:
            kill_amid(server, method, path, body, event)
            stopped_at = places(tmp_path)
            server.start()
            if "gone" in stopped_at.values():
                server.wait_for_log("purges that were broken off are finished")
            assert {job: place for job, place in stopped_at.items() if place != "gone"} == places(tmp_path)
            assert_agreement(tmp_path)


def test_a_start_finishes_what_a_stop_left_half_done(tmp_path: Path) -> None:
    ids = stock(tmp_path, 6)
    output, inputs = tmp_path / "output", tmp_path / "data" / "inputs"
    (output / ".trash").mkdir()
    for job_id, (place, folder) in zip(ids, product(("queue", "trash", "gone"), ("", ".trash")), strict=True):
        (output / job_id).rename(output / folder / job_id)
        (inputs / job_id).mkdir(parents=True)
        rows(tmp_path, "UPDATE jobs SET place = ? WHERE id = ?", place, job_id)
    with start(tmp_path) as server:
        server.wait_for_log("2 purges that were broken off are finished")
    assert_agreement(tmp_path)
    assert len(places(tmp_path)) == 4
    assert folders(inputs) == set(places(tmp_path))


def test_inputs_of_requests_that_never_became_jobs_are_swept_at_start(tmp_path: Path) -> None:
    (job_id,) = stock(tmp_path, 1)
    inputs = tmp_path / "data" / "inputs"
    orphan = str(uuid4())
    for name in (job_id, orphan, "not-a-job"):
        (inputs / name).mkdir(parents=True)
        (inputs / name / "init_image_base64_0.png").touch()
    with start(tmp_path):
        pass
    assert folders(inputs) == {job_id, "not-a-job"}


@pytest.mark.parametrize("status", ["pending", "failed", "cancelled"])
def test_outputs_that_appeared_but_were_never_stored_are_swept_at_start(tmp_path: Path, status: str) -> None:
    unstored, completed, kept = stock(tmp_path, 3)
    # Without the trigger that keeps final states, for the state at a kill between the files and the row.
    rows(tmp_path, "DROP TRIGGER jobs_stay_final")
    row = "UPDATE jobs SET status = ?, attempt = 1, outputs = ?, not_before = ?, held = ? WHERE id = ?"
    rows(tmp_path, row, status, "[]", "2999-01-01T00:00:00.000+00:00", 1, unstored)
    rows(tmp_path, row, "cancelled", f'["{kept}/image_0.png"]', None, 0, kept)
    with start(tmp_path):
        pass
    assert folders(tmp_path / "output") == {completed, kept}
