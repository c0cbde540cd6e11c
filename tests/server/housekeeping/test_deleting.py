"""DELETE /queue/jobs: into the trash."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.server.housekeeping.stock import delete, restore, rows
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import SHORT, busy


def listed(server: RunningServer, **query: Any) -> list[str]:
    return [item["job_id"] for item in server.get("/queue", **query)["items"]]


def make(server: RunningServer, count: int) -> list[str]:
    return [server.make(**SHORT)["job_id"] for _ in range(count)]


@pytest.mark.proves("queue_jobs.job_ids")
def test_deleted_jobs_leave_the_queue_and_their_files_the_output_folder(scripted: RunningServer) -> None:
    first, second, third = make(scripted, 3)
    before = scripted.get("/queue")
    assert delete(scripted, first, third) == {"success": True, "deleted": [first, third], "not_found": []}
    after = scripted.get("/queue")
    assert listed(scripted, limit=1) == [second]
    assert after["completed_count"] == before["completed_count"] - 2
    assert after["total_count"] == before["total_count"] - 2
    for gone in (first, third):
        assert scripted.http.get(f"/queue/{gone}").json()["error"] == "Job not found"
        assert scripted.http.get(f"/output/{gone}/image_0.png").status_code == 404
        assert not (scripted.output_dir / gone).exists()
    assert scripted.http.get(f"/output/{second}/image_0.png").status_code == 200


def test_what_is_in_the_trash_is_neither_listed_nor_served_as_output(scripted: RunningServer) -> None:
    (job_id,) = make(scripted, 1)
    delete(scripted, job_id)
    assert (scripted.output_dir / ".trash" / job_id / "image_0.png").is_file()
    assert job_id not in scripted.http.get("/output").text
    picture = f".trash/{job_id}/image_0.png"
    for path in ("output/.trash", f"output/{picture}", f"thumb/{picture}"):
        assert scripted.http.get(path).status_code == 404


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (None, "A JSON body is required"),
        ({}, "job_ids is required"),
        ({"job_ids": None}, "job_ids is required"),
        ({"job_ids": []}, "job_ids: [] is not allowed: List should have at least 1 item"),
        ({"job_ids": "all"}, "job_ids: 'all' is not allowed: Input should be a valid list"),
        ({"job_ids": [7]}, "job_ids.0: 7 is not allowed: Input should be a valid string"),
        ({"job_ids": ["x"] * 10_001}, "List should have at most 10000 items"),
    ],
)
@pytest.mark.parametrize("request_line", ["DELETE /queue/jobs", "POST /queue/restore"])
def test_a_request_that_names_no_jobs_is_refused(
    scripted: RunningServer, request_line: str, body: object, words: str
) -> None:
    content = json.dumps(body) if body is not None else b""
    answer = scripted.http.request(*request_line.split(), content=content)
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_purge_is_a_boolean(scripted: RunningServer) -> None:
    error = delete(scripted, "x", purge="perhaps", expect=400)["error"]
    assert error.startswith("purge: 'perhaps' is not allowed")


def test_jobs_that_wait_or_run_are_refused_by_name_and_nothing_is_deleted(scripted: RunningServer) -> None:
    (finished,) = make(scripted, 1)
    with busy(scripted) as running:
        waiting = scripted.submit(**SHORT)
        for purge in (False, True):
            error = delete(scripted, finished, running, waiting, expect=400, purge=purge)["error"]
            assert f"{running} (processing)" in error
            assert f"{waiting} (pending)" in error
            assert finished not in error
        assert listed(scripted, limit=3) == [waiting, running, finished]


def test_a_job_that_another_one_waits_for_is_refused(scripted: RunningServer) -> None:
    (first,) = make(scripted, 1)
    with busy(scripted):
        follower = scripted.submit(**SHORT)
        rows(scripted.root, "UPDATE jobs SET after = ? WHERE id = ?", first, follower)
        assert f"{first} ({follower} waits for it)" in delete(scripted, first, expect=400)["error"]
    assert scripted.wait_for_job(follower)["status"] == "completed"
    assert delete(scripted, first)["deleted"] == [first]


def test_a_cancelled_job_can_be_deleted(scripted: RunningServer) -> None:
    with busy(scripted) as job_id:
        scripted.http.delete(f"/queue/{job_id}")
        assert delete(scripted, job_id)["deleted"] == [job_id]


def test_ids_that_are_not_there_are_reported_one_by_one(scripted: RunningServer) -> None:
    unknown = str(uuid4())
    gone, there = make(scripted, 2)
    delete(scripted, gone)
    answer = delete(scripted, unknown, there, gone, there, "../..", "%")
    assert (answer["deleted"], answer["not_found"]) == ([there], [unknown, gone, "../..", "%"])


def test_an_unknown_field_is_reported(scripted: RunningServer) -> None:
    (job_id,) = make(scripted, 1)
    assert delete(scripted, job_id, purged=True)["warnings"] == ["unknown field 'purged' was ignored"]
    assert listed(scripted, trash=True, limit=1) == [job_id]


def test_jobs_named_jobs_are_still_looked_for(scripted: RunningServer) -> None:
    assert scripted.http.get("/queue/jobs").json()["error"] == "Job not found"


def test_the_trash_is_listed_with_pages_and_filters(scripted: RunningServer) -> None:
    ids = [*make(scripted, 2), scripted.make(**SHORT | {"prompt": "a heron"})["job_id"]]
    delete(scripted, *ids)
    newest_first = ids[::-1]
    assert listed(scripted, trash=True, limit=3) == newest_first
    assert listed(scripted, trash=True, limit=1, offset=1) == newest_first[1:2]
    assert listed(scripted, trash=True, search="heron") == ids[2:]
    page = scripted.get("/queue", trash=True, limit=1)
    assert page["matching_count"] >= 3
    assert page["items"][0]["deleted_at"] >= page["items"][0]["completed_at"]
    assert "deleted_at" not in scripted.make(**SHORT)


@pytest.mark.proves("queue_restore.job_ids")
def test_restored_jobs_are_back_with_their_files_in_their_old_places(scripted: RunningServer) -> None:
    ids = make(scripted, 3)
    page = scripted.get("/queue")
    image = scripted.http.get(f"/output/{ids[1]}/image_0.png")
    assert scripted.http.get(f"/thumb/{ids[1]}/image_0.png").status_code == 200
    delete(scripted, *ids)
    assert restore(scripted, ids[1], ids[0]) == {
        "success": True,
        "restored": [ids[1], ids[0]],
        "not_found": [],
    }
    assert restore(scripted, *ids)["restored"] == [ids[2]]
    assert scripted.get("/queue") == page
    assert scripted.http.get(f"/output/{ids[1]}/image_0.png").content == image.content
    assert (scripted.output_dir / ids[1] / ".thumbs").is_dir()


def test_what_is_not_in_the_trash_can_not_be_restored(scripted: RunningServer) -> None:
    there, purged = make(scripted, 2)
    delete(scripted, purged, purge=True)
    unknown = str(uuid4())
    answer = restore(scripted, there, purged, unknown)
    assert (answer["restored"], answer["not_found"]) == ([], [there, purged, unknown])


def test_all_clients_hear_of_it(scripted: RunningServer) -> None:
    first, second = make(scripted, 2)
    with scripted.events() as one, scripted.events() as other:
        delete(scripted, first, second)
        restore(scripted, second)
        delete(scripted, first, purge=True)
        for events in (one, other):
            assert events.wait_for("job_deleted") == {"job_id": first, "purged": False}
            assert events.wait_for("job_deleted") == {"job_id": second, "purged": False}
            assert events.wait_for("job_restored") == {"job_id": second}
            assert events.wait_for("job_deleted") == {"job_id": first, "purged": True}
