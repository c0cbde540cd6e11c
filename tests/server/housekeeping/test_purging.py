"""Deleting for good, and what must be left alone."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.server.housekeeping.stock import delete, folders, places, restore
from tests.support.images import as_base64
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import PROMPT, SHORT, StartFaulty, busy, load


def make_from_image(server: RunningServer, image: str | None = None) -> str:
    job_id = server.submit("/img2img", **SHORT, init_image_base64=image or as_base64())
    assert server.wait_for_job(job_id)["status"] == "completed"
    return job_id


@pytest.mark.proves("queue_jobs.purge")
@pytest.mark.parametrize("from_trash", [False, True])
def test_a_purged_job_leaves_nothing_behind(scripted: RunningServer, from_trash: bool) -> None:
    job_id = make_from_image(scripted)
    assert scripted.http.get(f"/thumb/{job_id}/image_0.png").status_code == 200
    if from_trash:
        delete(scripted, job_id)
        assert (scripted.data_dir / "inputs" / job_id).is_dir()
    assert delete(scripted, job_id, purge=True)["deleted"] == [job_id]
    assert not [path for path in scripted.root.rglob("*") if job_id in path.name]
    assert job_id not in places(scripted.root)
    assert restore(scripted, job_id)["not_found"] == [job_id]
    assert delete(scripted, job_id, purge=True)["not_found"] == [job_id]


def test_without_purge_the_inputs_stay_and_come_back_with_the_job(scripted: RunningServer) -> None:
    job_id = make_from_image(scripted)
    inputs = scripted.get(f"/queue/{job_id}")["inputs"]
    delete(scripted, job_id)
    restore(scripted, job_id)
    assert scripted.get(f"/queue/{job_id}")["inputs"] == inputs


def test_only_folders_of_deleted_jobs_are_touched(scripted: RunningServer) -> None:
    kept = scripted.make(**SHORT)["job_id"]
    gone = scripted.make(**SHORT)["job_id"]
    foreign = [str(uuid4()), "holiday"]
    for name in foreign:
        (scripted.output_dir / name).mkdir()
        (scripted.output_dir / name / "image_0.png").touch()
    (scripted.output_dir / ".trash").mkdir(exist_ok=True)
    (scripted.output_dir / ".trash" / foreign[0]).mkdir()
    assert delete(scripted, gone, *foreign, "..", ".", ".trash", purge=True)["deleted"] == [gone]
    assert {kept, *foreign} <= folders(scripted.output_dir)
    assert all((scripted.output_dir / name / "image_0.png").exists() for name in (kept, *foreign))
    assert (scripted.output_dir / ".trash" / foreign[0]).exists()


def test_what_a_link_leads_to_stays(scripted: RunningServer, tmp_path: Path) -> None:
    job_id = scripted.make(**SHORT)["job_id"]
    elsewhere = (scripted.output_dir / job_id).rename(tmp_path / "elsewhere")
    (scripted.output_dir / job_id).symlink_to(elsewhere)
    delete(scripted, job_id)
    assert not (scripted.output_dir / job_id).is_symlink()
    delete(scripted, job_id, purge=True)
    assert not [path for path in scripted.output_dir.rglob("*") if job_id in path.name]
    assert (elsewhere / "image_0.png").is_file()


def test_a_reference_to_an_input_works_until_its_job_is_purged(scripted: RunningServer) -> None:
    job_id = make_from_image(scripted)
    reference = scripted.get(f"/queue/{job_id}")["params"]["init_image_base64"]
    delete(scripted, job_id)
    make_from_image(scripted, reference)
    delete(scripted, job_id, purge=True)
    request = SHORT | {"init_image_base64": reference}
    error = scripted.post("/img2img", request, expect=400)["error"]
    assert error == (
        f"init_image_base64: {reference!r} is not a stored input; those of a job are deleted with it"
    )


def test_a_job_that_was_submitted_with_a_reference_has_its_own_copy(scripted: RunningServer) -> None:
    first = make_from_image(scripted)
    reference = scripted.get(f"/queue/{first}")["params"]["init_image_base64"]
    with busy(scripted):
        second = scripted.submit("/img2img", **SHORT, init_image_base64=reference)
        delete(scripted, first, purge=True)
    job = scripted.wait_for_job(second)
    assert job["status"] == "completed"
    assert job["params"]["init_image_base64"] == f"input:{second}/init_image_base64"
    assert job["inputs"]


def test_a_job_that_is_purged_while_its_engine_does_not_let_go_of_it_stops_nothing(
    start_faulty: StartFaulty,
) -> None:
    server = start_faulty("deaf", engine_cancel_grace="0.5")
    load(server)
    with server.events() as events:
        job_id = server.submit(**PROMPT | {"steps": 1_000})
        events.wait_for("job_progress")
        server.http.delete(f"/queue/{job_id}")
        assert delete(server, job_id, purge=True)["deleted"] == [job_id]
    assert server.make(**PROMPT)["status"] == "completed"
    assert job_id not in places(server.root)


def test_a_folder_that_can_not_be_moved_is_told_in_the_log_and_loses_nothing(scripted: RunningServer) -> None:
    job_id = scripted.make(**SHORT)["job_id"]
    in_the_way = scripted.output_dir / ".trash" / job_id
    in_the_way.mkdir(parents=True)
    (in_the_way / "note.txt").touch()
    assert delete(scripted, job_id)["deleted"] == [job_id]
    scripted.wait_for_log(f"{job_id} could not be moved")
    assert (scripted.output_dir / job_id / "image_0.png").exists()
    assert (in_the_way / "note.txt").exists()
