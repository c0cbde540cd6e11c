"""Which worker may do what: models, revisions, refusals."""

import asyncio
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nats.aio.msg import Msg

from sdcpp_restapi.cluster.connection import BrokerConnection
from sdcpp_restapi.cluster.object_files import ObjectFiles, inventory_of
from sdcpp_restapi.config import Cluster
from sdcpp_restapi.schemas.cluster import (
    PROTOCOL,
    Announcement,
    InventoryFile,
    InventoryReport,
    Refusal,
    RpcRequest,
    SlotState,
)
from sdcpp_restapi.schemas.models import LoadedSlot
from tests.support.broker import free_port
from tests.support.cluster_site import LONG, MODEL, SHORT, Site
from tests.support.running_server import of_job
from tests.support.running_worker import Worker
from tests.support.scripted_child import COMMIT, OTHER_COMMIT
from tests.support.scripted_engine import empty_model, load_waiting

OTHER, THIRD = "other.safetensors", "third.safetensors"


def give(site: Site, folder: str, kind: str, name: str, size: int = 0) -> None:
    path = site.root / folder / kind / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(empty_model(name, size))


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
    give(site, "a", "checkpoints", MODEL, 33)
    give(site, "b", "checkpoints", MODEL, 55)
    site.serve()
    site.work("one", models="a")
    site.load()
    site.work("two", models="b")
    answer = site.server.post("/txt2img", SHORT, expect=400)
    assert answer["error"].endswith(
        f"{MODEL} (checkpoint) is not the same on one (33 bytes) and two (55 bytes)"
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
            events.wait_for("job_progress", of_job(job))
        assert site.server.get("/queue")["processing_count"] == 2
    assert {site.server.wait_for_job(job).get("worker") for job in jobs} == {None, "one"}
    # What only the worker has never goes to the engine here.
    site.server.post("/models/load", {"model_name": OTHER})
    jobs = [site.server.submit(**SHORT) for _ in range(4)]
    assert {site.server.wait_for_job(job).get("worker") for job in jobs} == {"one"}


def test_a_worker_of_another_revision_runs_the_jobs_that_allow_it(site: Site) -> None:
    site.serve()
    site.work("one")
    site.work("two", "of_another_revision")
    site.load()
    engines = {"one": COMMIT, "two": OTHER_COMMIT}
    for name, commit in engines.items():
        site.wait_for_worker(name, "ready", commit)
    for name, commit in engines.items():
        jobs = [site.server.submit(**SHORT, engine=commit) for _ in range(3)]
        done = [site.server.wait_for_job(job) for job in jobs]
        assert {(job["worker"], job["engine"]) for job in done} == {(name, commit)}
    (same,) = {site.server.make(**SHORT, engine="same")["engine"] for _ in range(3)}
    assert same == COMMIT
    # Whoever is free first takes what says nothing.
    any_engine = [site.server.wait_for_job(site.server.submit(**SHORT)) for _ in range(2)]
    assert all(engines[job["worker"]] == job["engine"] for job in any_engine)
    told = site.server.post("/txt2img", SHORT | {"engine": "0123abc"}, expect=400)
    assert told["error"].endswith(f"there is {COMMIT} and {OTHER_COMMIT}")


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
    with Worker(site.broker_url, site.root, "one", "--data-dir", "other", env=first.env) as second:
        assert second.process.wait(60) == 2
        second.wait_for_log("sdcpp: Another worker is called one: give each its own name with --name")
    site.load()
    assert site.server.make(**SHORT)["worker"] == "one"


def test_a_worker_can_be_stopped_before_it_has_reached_a_broker(tmp_path: Path) -> None:
    with Worker(f"nats://127.0.0.1:{free_port()}", tmp_path, "early") as worker:
        worker.wait_for_log("broker: ")
        assert worker.stop() == 0


async def test_a_worker_of_another_release_is_refused_with_a_sentence_and_gets_no_jobs(site: Site) -> None:
    await asyncio.to_thread(site.serve)
    await asyncio.to_thread(site.work, "one")
    await asyncio.to_thread(site.load)
    link = BrokerConnection.open(
        Cluster(urls=[site.broker_url], prefix=site.env["SDCPP_CLUSTER_PREFIX"]), "newer"
    )
    told: asyncio.Queue[Msg] = asyncio.Queue()
    jobs: asyncio.Queue[Msg] = asyncio.Queue()
    try:
        await link.subscribe(link.subjects.rpc("newer"), told.put)
        await link.subscribe(link.subjects.job("newer", 0), jobs.put)
        has = InventoryFile(type="checkpoint", name=MODEL, size_bytes=0)
        await ObjectFiles(link).write(inventory_of("newer"), InventoryReport(catalog=1, models=[has]))
        slot = SlotState(view=LoadedSlot(device="cpu", model_name=MODEL))
        here = Announcement(
            protocol=PROTOCOL + 1, name="newer", boot="1", version="99.0", engine="scripted", slots=[slot],
            catalog=1,
        )  # fmt: skip
        await link.publish(link.subjects.announcements, here)
        refusal = RpcRequest.model_validate_json((await asyncio.wait_for(told.get(), 60)).data).what
        assert isinstance(refusal, Refusal)
        assert refusal.why == (
            f"Worker newer (99.0) speaks version {PROTOCOL + 1} of the messages,"
            f" this server version {PROTOCOL}: install the same release on both"
        )
        seen = await asyncio.to_thread(site.wait_for_worker, "newer", "refused")
        assert seen["problem"] == refusal.why
        waiting = [await asyncio.to_thread(site.server.submit, **SHORT) for _ in range(4)]
        made = [await asyncio.to_thread(site.server.wait_for_job, job) for job in waiting]
        assert {job["worker"] for job in made} == {"one"}
        assert jobs.empty()
    finally:
        await link.close()


def test_a_load_that_fails_on_one_of_two_workers_succeeds_and_names_it(site: Site) -> None:
    give(site, "models", "checkpoints", OTHER)
    site.serve(limits_max_steps="100000")
    site.work("one")
    site.load()
    job_id = site.start_job(steps=100_000)  # `one` loads when it is done
    site.work("two", "refuses_models")
    with ThreadPoolExecutor() as other, site.server.events() as events:
        loading = other.submit(site.server.post, "/models/load", {"model_name": OTHER})
        failed = events.wait_for("model_load_failed")
        assert site.server.http.delete(f"/queue/{job_id}").status_code == 200
        answer = loading.result()
    reason = f"two/0: {failed['error']}"
    assert "refused as scripted" in reason
    assert (answer["model_name"], answer["warnings"]) == (OTHER, [reason])
    health = site.server.get("/health")
    assert (health["model_loaded"], health["model_name"], health["last_error"]) == (True, OTHER, reason)


def test_a_load_that_waits_on_a_worker_is_withdrawn_when_another_takes_its_place(site: Site) -> None:
    for name in (OTHER, THIRD):
        give(site, "models", "checkpoints", name)
    server = site.serve(limits_max_steps="100000")
    worker = site.work("one")
    site.load()
    job_id = site.start_job(steps=100_000)
    with (
        load_waiting(server, expect=409, model_name=OTHER) as first,
        load_waiting(server, model_name=THIRD),
    ):
        assert THIRD in first.result()["error"]
        health = server.get("/health")
        assert (health["model_name"], health["loading_model_name"]) == (MODEL, THIRD)
        assert server.http.delete(f"/queue/{job_id}").status_code == 200
    assert server.get("/health")["model_name"] == THIRD
    assert not [line for line in worker.log if f"loaded {OTHER}" in line]


def test_a_worker_that_cannot_load_the_model_leaves_the_jobs_to_one_that_can(site: Site) -> None:
    site.serve()
    site.work("one")
    site.load()
    site.work("two", "refuses_models")
    jobs = [site.server.submit(**LONG | {"steps": 30}) for _ in range(6)]
    made = [site.server.wait_for_job(job) for job in jobs]
    assert {(job["status"], job["worker"]) for job in made} == {("completed", "one")}
    # When nobody else is left, it tries, and says why not.
    site.workers["one"].kill()
    site.wait_for_worker("one", "lost")
    job = site.server.wait_for_job(site.server.submit(**SHORT))
    assert job["status"] == "failed"
    assert job["error"].endswith("refused as scripted (on worker two)")
