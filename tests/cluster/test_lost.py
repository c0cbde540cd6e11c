"""Workers, brokers and servers that go away in the middle of a job, and come back."""

import time
from pathlib import Path

import psutil
import pytest

from tests.support.broker import Broker
from tests.support.cluster_site import LONG, SHORT, Site

pytestmark = pytest.mark.heavy

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


def test_the_job_of_a_killed_worker_runs_on_another_one(site: Site) -> None:
    site.serve()
    site.work("one")
    site.work("two")
    site.load()
    job_id = site.start_job()
    first, other = site.who_has(job_id)
    site.workers[first].kill()
    job = site.server.wait_for_job(job_id)
    assert (job["status"], job["worker"]) == ("completed", other)
    assert (site.server.output_dir / job["outputs"][0]).is_file()
    assert site.wait_for_worker(first, "lost")["jobs_done"] == 0


def test_a_worker_that_was_paused_is_told_to_stop_and_what_it_sends_is_dropped(site: Site) -> None:
    site.serve()
    site.work("one")
    site.work("two")
    site.load()
    job_id = site.start_job(steps=600)
    first, other = site.who_has(job_id)
    paused = site.workers[first]
    paused.pause()
    job = site.server.wait_for_job(job_id)
    assert (job["status"], job["worker"]) == ("completed", other)
    before = {path: path.stat().st_mtime_ns for path in (site.root / "output").rglob("*")}
    paused.go_on()
    paused.wait_for_log(f"job {job_id}: (cancelled|completed)")
    site.wait_for_worker(first, "ready")
    assert site.server.get(f"/queue/{job_id}")["worker"] == other
    assert {path: path.stat().st_mtime_ns for path in (site.root / "output").rglob("*")} == before
    # It is a worker like any other again.
    site.workers[other].kill()
    assert site.server.make(**SHORT)["worker"] == first


def test_a_job_that_kills_two_engines_fails_for_good_and_goes_no_further(site: Site) -> None:
    site.serve()
    site.work("one", "killed_at_step_3")
    site.work("two", "killed_at_step_3")
    site.load()
    job = site.server.wait_for_job(site.server.submit(**LONG))
    assert job["status"] == "failed"
    assert "this job ended 2 engine processes" in job["error"]
    assert "on worker" in job["error"]
    begun = [
        line
        for name in ("one", "two")
        for line in site.workers[name].log
        if f"{job['job_id']}: txt2img" in line
    ]
    assert len(begun) == 2


def test_a_broker_that_was_away_loses_nothing(tmp_path: Path) -> None:
    with Broker(tmp_path / "store") as broker, Site(tmp_path, broker.url) as site:
        site.serve()
        worker = site.work("one")
        site.load()
        job_id = site.start_job(steps=300)
        waiting = [site.server.submit(**SHORT) for _ in range(3)]
        broker.stop()
        worker.wait_for_log(f"job {job_id}")
        assert site.server.get("/health")["status"] == "ok"
        # Longer than a worker may be silent: without the broker nobody can say that it is.
        time.sleep(2)
        broker.start()
        for each in (job_id, *waiting):
            job = site.server.wait_for_job(each)
            assert (job["status"], job["worker"]) == ("completed", "one"), job
        assert not [line for line in site.server.log if "sign of life" in line]
        begun = [line for line in worker.log if f"{job_id}: txt2img begins" in line]
        assert len(begun) == 1


def test_a_broker_may_come_last(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "store")
    broker.stop()
    with broker, Site(tmp_path, broker.url) as site:
        site.serve()
        assert site.server.get("/workers") == {"workers": []}
        broker.start()
        site.work("one")
        site.load()
        assert site.server.make(**SHORT)["worker"] == "one"


def test_a_server_that_was_killed_takes_the_result_of_a_job_that_went_on(site: Site) -> None:
    site.serve()
    worker = site.work("one")
    site.load()
    job_id = site.start_job(steps=300)
    site.server.kill()
    worker.wait_for_log(f"job {job_id}: completed")
    site.server.start()
    job = site.server.wait_for_job(job_id)
    assert (job["status"], job["worker"]) == ("completed", "one")
    assert (site.server.output_dir / job["outputs"][0]).is_file()
    assert len([line for line in worker.log if f"{job_id}: txt2img begins" in line]) == 1


def test_a_server_that_was_stopped_goes_on_with_a_job_that_still_runs(site: Site) -> None:
    site.serve(limits_max_steps="3000")
    worker = site.work("one")
    site.load()
    job_id = site.start_job(steps=3000)
    site.server.restart()
    with site.server.events() as events:
        progress = events.wait_for("job_progress", lambda data: data["job_id"] == job_id)
    assert progress["step"] > 1
    assert site.server.wait_for_job(job_id)["status"] == "completed"
    assert len([line for line in worker.log if f"{job_id}: txt2img begins" in line]) == 1


def test_a_worker_that_is_started_anew_does_its_job_again(site: Site) -> None:
    site.serve()
    worker = site.work("one")
    site.load()
    job_id = site.start_job()
    worker.kill()
    worker.start()
    job = site.server.wait_for_job(job_id)
    assert (job["status"], job["worker"]) == ("completed", "one")
    site.server.wait_for_log("Worker one was started anew|gave no sign of life")


def test_a_worker_that_is_stopped_gives_its_job_back(site: Site) -> None:
    site.serve()
    worker = site.work("one")
    site.load()
    job_id = site.start_job()
    assert worker.stop() == 0
    site.server.wait_for_log(f"job {job_id}: Worker one (was stopped|left)")
    site.work("two")
    job = site.server.wait_for_job(job_id)
    assert (job["status"], job["worker"]) == ("completed", "two")


def test_a_cancel_reaches_a_running_job(site: Site) -> None:
    site.serve()
    worker = site.work("one")
    site.load()
    job_id = site.start_job(steps=1000)
    assert site.server.http.delete(f"/queue/{job_id}").status_code == 200
    worker.wait_for_log(f"job {job_id}: cancelled", seconds=20)
    assert site.server.get(f"/queue/{job_id}")["status"] == "cancelled"
    assert site.server.make(**SHORT)["status"] == "completed"
    assert not (site.root / "output" / job_id).exists()


def test_no_process_outlives_its_worker(site: Site) -> None:
    site.serve()
    worker = site.work("one")
    site.load()
    site.start_job()
    engine = worker.engine()
    worker.kill()
    assert psutil.wait_procs([engine], timeout=20)[1] == []


@pytest.mark.skipif(FAKETIME is None, reason="needs the package faketime")
def test_workers_whose_clocks_are_a_day_off_do_their_work(site: Site) -> None:
    site.serve()
    site.env |= {"LD_PRELOAD": str(FAKETIME), "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    for name, shift in (("ahead", "+1d"), ("behind", "-1d")):
        site.env["FAKETIME"] = shift
        site.work(name)
    site.load()
    # Longer than a worker may be silent.
    jobs = [
        site.server.wait_for_job(job)
        for job in [site.server.submit(**LONG | {"steps": 400}) for _ in range(2)]
    ]
    assert {(job["status"], job["worker"]) for job in jobs} == {
        ("completed", "ahead"),
        ("completed", "behind"),
    }
    for job in jobs:
        begun = [line for line in site.server.log if f"{job['job_id']}: txt2img begins" in line]
        assert len(begun) == 1
        assert job["created_at"] <= job["started_at"] <= job["completed_at"]
        # What the worker itself has written down shows its clock.
        config = site.server.get(f"/output/{job['job_id']}/config.json")
        assert (config["completed_at"] > job["completed_at"]) == (job["worker"] == "ahead")
    site.workers["ahead"].kill()
    site.wait_for_worker("ahead", "lost")
    assert site.server.make(**SHORT)["worker"] == "behind"
