"""Which worker may do what: models, revisions, refusals."""

import shutil
from pathlib import Path

from tests.cli.command import sdcpp
from tests.cluster.conftest import LONG, MODEL, SHORT, Site
from tests.cluster.machines import Worker, free_port

OTHER = "other.safetensors"


def give(site: Site, folder: str, kind: str, name: str, content: bytes = b"") -> None:
    path = site.root / folder / kind / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_jobs_go_only_where_their_files_are(site: Site) -> None:
    shutil.rmtree(site.root / "models")
    for folder in ("a", "b"):
        give(site, folder, "checkpoints", MODEL)
    give(site, "b", "loras", "style.safetensors")
    give(site, "b", "checkpoints", OTHER)
    site.serve()
    site.work("one", models="a")
    site.work("two", models="b")
    site.load()
    listed = {entry["name"]: entry["on"] for entry in site.server.get("/models")["checkpoints"]}
    assert listed == {MODEL: ["one", "two"], OTHER: ["two"]}
    jobs = [site.server.submit(**SHORT | {"prompt": "<lora:style:1>"}) for _ in range(4)]
    assert {site.server.wait_for_job(job)["worker"] for job in jobs} == {"two"}
    # Nobody has it.
    answer = site.server.post("/txt2img", SHORT | {"prompt": "<lora:nobodys:1>"}, expect=400)
    assert "nobodys" in answer["error"]
    answer = site.server.http.post("/models/load", json={"model_name": "nobodys.safetensors"}).json()
    assert "nobodys.safetensors" in answer["error"]
    # A model that one of two has is loaded there.
    site.server.post("/models/load", {"model_name": OTHER})
    assert site.server.make(**SHORT)["worker"] == "two"


def test_files_that_differ_are_told_with_both_machines(site: Site) -> None:
    shutil.rmtree(site.root / "models")
    give(site, "a", "checkpoints", MODEL, b"one")
    give(site, "b", "checkpoints", MODEL, b"three")
    site.serve()
    site.work("one", models="a")
    site.load()
    site.work("two", models="b")
    answer = site.server.post("/txt2img", SHORT, expect=400)
    assert answer["error"].endswith(
        f"{MODEL} (checkpoint) is not the same on one (3 bytes) and two (5 bytes)"
    )


def test_a_server_without_an_engine_converts_nothing(site: Site) -> None:
    site.serve()
    site.work("one")
    answer = site.server.post(
        "/convert",
        {"input_path": str(site.root / "models" / "checkpoints" / MODEL), "output_type": "q8_0"},
        expect=400,
    )
    assert "no engine of its own" in answer["error"]


def test_an_engine_here_and_a_worker_work_at_once(site: Site) -> None:
    give(site, "b", "checkpoints", MODEL)
    give(site, "b", "checkpoints", OTHER)
    site.serve(engine_devices="default")
    site.work("one", models="b")
    site.load()
    with site.server.events() as events:
        jobs = [site.server.submit(**LONG) for _ in range(2)]
        for job in jobs:
            events.wait_for("job_progress", lambda data, job=job: data["job_id"] == job)
        assert site.server.get("/queue")["processing_count"] == 2
    assert {site.server.wait_for_job(job).get("worker") for job in jobs} == {None, "one"}
    # What only the worker has never goes to the engine here.
    site.server.post("/models/load", {"model_name": OTHER})
    jobs = [site.server.submit(**SHORT) for _ in range(4)]
    assert {site.server.wait_for_job(job).get("worker") for job in jobs} == {"one"}


def test_a_worker_with_another_engine_is_refused_with_a_sentence_at_both_ends(site: Site) -> None:
    site.serve()
    site.work("one")
    other = site.work("two", "of_another_revision", state="refused")
    other.wait_for_log("the server refuses this worker: Worker two has revision another of the engine")
    site.load()
    jobs = [site.server.submit(**SHORT) for _ in range(4)]
    assert {site.server.wait_for_job(job)["worker"] for job in jobs} == {"one"}
    told = sdcpp("workers", "--server", site.server.url, folder=site.root)
    assert told.returncode == 0
    assert [line.split()[:2] for line in told.stdout.splitlines()] == [
        ["worker", "state"],
        ["one", "ready"],
        ["two", "refused"],
    ]
    assert "has revision another of the engine, the others have scripted" in told.stderr


def test_a_worker_whose_engine_does_not_come_up_leaves_the_jobs_to_others(site: Site) -> None:
    site.serve()
    site.work("one", "exits_at_once")
    site.work("two")
    loaded = site.server.post("/models/load", {"model_name": MODEL})
    assert loaded["model_name"] == MODEL
    jobs = [site.server.submit(**SHORT) for _ in range(4)]
    assert {site.server.wait_for_job(job)["worker"] for job in jobs} == {"two"}


def test_a_second_worker_of_the_same_name_is_sent_away(site: Site) -> None:
    site.serve()
    first = site.work("one")
    second = Worker(site.broker_url, site.root, "one", "--data-dir", "other", env=first.env)
    assert second.process.wait(60) == 2
    second.wait_for_log("sdcpp: Another worker is called one: give each its own name with --name")
    second.kill()
    site.load()
    assert site.server.make(**SHORT)["worker"] == "one"


def test_a_worker_can_be_stopped_before_it_has_reached_a_broker(tmp_path: Path) -> None:
    worker = Worker(f"nats://127.0.0.1:{free_port()}", tmp_path, "early")
    worker.wait_for_log("broker: ")
    assert worker.stop() == 0
    assert not [line for line in worker.log if "Traceback" in line]
