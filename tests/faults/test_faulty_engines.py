"""Whatever the engine does, the job gets a clear end and the server goes on."""

import psutil
import pytest

from tests.support.running_server import RunningServer, of_job
from tests.support.scripted_engine import MODEL, PROMPT, StartFaulty, load


def child_of(server: RunningServer) -> psutil.Process:
    (child,) = psutil.Process(server.process.pid).children()
    return child


def test_the_engine_is_told_how_its_threads_are_to_wait(start_faulty: StartFaulty) -> None:
    server = start_faulty("obeys", engine_wait="sleep")
    load(server)
    line = child_of(server).cmdline()
    assert line[line.index("--wait") + 1] == "sleep"


def test_a_job_whose_engine_is_killed_once_runs_again_and_completes(start_faulty: StartFaulty) -> None:
    server = start_faulty("killed_at_step_3_once")
    load(server)
    job = server.make(**PROMPT)
    assert job["outputs"] == [f"{job['job_id']}/image_0.png"]
    assert "error" not in job


def test_a_job_that_kills_two_engines_is_failed_for_good_and_says_why(start_faulty: StartFaulty) -> None:
    server = start_faulty("killed_at_step_3")
    load(server)
    job = server.wait_for_job(server.submit(**PROMPT))
    assert job["status"] == "failed"
    assert "SIGKILL, as happens when memory runs out" in job["error"]
    assert "2 engine processes" in job["error"]


@pytest.mark.heavy
def test_after_a_killer_job_the_model_is_there_again_and_the_next_job_runs(start_faulty: StartFaulty) -> None:
    server = start_faulty("killed_at_step_3")
    load(server)
    killer = server.submit(**PROMPT)
    harmless = server.submit(**PROMPT | {"steps": 2})
    assert server.wait_for_job(killer)["status"] == "failed"
    assert server.wait_for_job(harmless)["status"] == "completed"
    assert server.get("/health")["model_loaded"] is True


@pytest.mark.heavy
def test_a_failed_assertion_is_told_in_the_engines_own_words(start_faulty: StartFaulty) -> None:
    server = start_faulty("fails_an_assertion")
    load(server)
    job = server.wait_for_job(server.submit(**PROMPT))
    assert "SIGABRT" in job["error"]
    assert "GGML_ASSERT(a->ne[0] == b->ne[0]) failed" in job["error"]


@pytest.mark.heavy
def test_an_engine_that_hangs_is_replaced_and_the_job_runs_again(start_faulty: StartFaulty) -> None:
    server = start_faulty("hangs", engine_hang_after="1")
    load(server)
    assert server.make(**PROMPT)["status"] == "completed"
    server.wait_for_log("The engine hung: no message and no CPU time for 1 s")


@pytest.mark.heavy
@pytest.mark.parametrize("scenario", ["writes_garbage", "writes_an_endless_line", "closes_its_socket"])
def test_an_engine_that_breaks_the_protocol_once_is_replaced(
    start_faulty: StartFaulty, scenario: str
) -> None:
    server = start_faulty(scenario)
    load(server)
    before = child_of(server).pid
    assert server.make(**PROMPT)["status"] == "completed"
    assert child_of(server).pid != before


@pytest.mark.heavy
def test_a_flood_of_previews_neither_stops_the_job_nor_hides_its_end(start_faulty: StartFaulty) -> None:
    server = start_faulty("floods_previews")
    load(server)
    with server.events() as events:
        job_id = server.submit(**PROMPT)
        events.wait_for("job_status_changed", lambda data: data["status"] == "completed")
        previews = [message for message in events.heard if message["event"] == "job_preview"]
    assert previews
    assert server.get(f"/queue/{job_id}")["progress"]["percentage"] == 100.0


@pytest.mark.heavy
def test_an_engine_that_dies_while_loading_is_a_failed_load_with_a_reason(start_faulty: StartFaulty) -> None:
    server = start_faulty("dies_while_loading")
    answer = server.post("/models/load", {"model_name": MODEL}, expect=500)
    assert "SIGKILL" in answer["error"]
    health = server.get("/health")
    assert health["model_loaded"] is False
    assert "SIGKILL" in health["last_error"]


@pytest.mark.heavy
def test_a_load_succeeds_after_one_that_killed_the_engine(start_faulty: StartFaulty) -> None:
    server = start_faulty("dies_while_loading_once")
    server.post("/models/load", {"model_name": MODEL}, expect=500)
    load(server)
    assert server.get("/health")["last_error"] is None


@pytest.mark.heavy
def test_a_refused_load_unloads_the_previous_model_and_keeps_the_engines_words(
    start_faulty: StartFaulty,
) -> None:
    server = start_faulty("good")
    load(server)
    answer = server.post("/models/load", {"model_name": "refused.safetensors"}, expect=500)
    assert "refused as scripted" in answer["error"]
    assert server.post("/txt2img", PROMPT, expect=400)["error"] == "No model loaded"


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("exits_at_once", "exit code 7: cannot open shared object file"),
        ("never_says_hello", "did not report in time"),
        ("unusable", "install another engine"),
        ("greets_with_garbage", "not a report"),
    ],
)
def test_an_engine_that_never_starts_leaves_a_server_that_says_why(
    start_faulty: StartFaulty, scenario: str, words: str
) -> None:
    server = start_faulty(scenario, engine_start_timeout="2")
    answer = server.post("/models/load", {"model_name": MODEL}, expect=500)
    assert words in answer["error"]
    assert words in server.get("/health")["last_error"]


def test_an_idle_engine_that_is_killed_is_replaced_with_its_model(start_faulty: StartFaulty) -> None:
    server = start_faulty("good")
    load(server)
    with server.events() as events:
        child_of(server).kill()
        events.wait_for("model_loaded")
    assert server.get("/health")["loaded_slots"][0]["model_name"] == MODEL
    assert server.make(**PROMPT)["status"] == "completed"


def test_cancelling_stops_a_running_job_and_the_next_one_runs(start_faulty: StartFaulty) -> None:
    server = start_faulty("good")
    load(server)
    with server.events() as events:
        job_id = server.submit(**PROMPT | {"steps": 900})
        events.wait_for("job_progress")
        assert server.http.delete(f"/queue/{job_id}").json() == {"success": True, "message": "Job cancelled"}
        events.wait_for("job_cancelled")
    assert server.get(f"/queue/{job_id}")["status"] == "cancelled"
    assert server.make(**PROMPT)["status"] == "completed"
    assert not (server.output_dir / job_id).exists()


@pytest.mark.heavy
def test_finished_images_stay_though_their_engine_had_to_be_ended(start_faulty: StartFaulty) -> None:
    server = start_faulty("deaf", engine_cancel_grace="0.5")
    load(server)
    with server.events() as events:
        job_id = server.submit(**PROMPT | {"steps": 900, "batch_count": 2, "keep_finished": True})
        events.wait_for("job_progress", lambda data: data["step"] > 3)
        server.http.delete(f"/queue/{job_id}")
        events.wait_for("job_status_changed", lambda data: data["outputs"])
    job = server.get(f"/queue/{job_id}")
    assert (job["status"], job["partial"]) == ("cancelled", True)
    assert job["outputs"] == [f"{job_id}/image_0.png"]
    assert {path.name for path in (server.output_dir / job_id).iterdir()} == {"image_0.png", "config.json"}


@pytest.mark.heavy
def test_an_engine_that_ignores_a_cancel_is_replaced_after_the_grace_time(start_faulty: StartFaulty) -> None:
    server = start_faulty("deaf", engine_cancel_grace="0.5")
    load(server)
    with server.events() as events:
        job_id = server.submit(**PROMPT | {"steps": 900})
        events.wait_for("job_progress")
        server.http.delete(f"/queue/{job_id}")
        events.wait_for("model_loaded")
    assert server.get(f"/queue/{job_id}")["status"] == "cancelled"
    assert server.make(**PROMPT)["status"] == "completed"


@pytest.mark.heavy
def test_a_slot_that_cannot_load_the_model_leaves_the_jobs_to_the_other(start_faulty: StartFaulty) -> None:
    server = start_faulty("refuses_models_once", engine_devices="cpu:1,cpu:1")
    with server.events() as events:
        server.post("/models/load", {"model_name": MODEL})
        events.wait_for("model_load_failed")
    jobs = [server.submit(prompt="a cat", steps=20, width=64, height=64) for _ in range(6)]
    assert {server.wait_for_job(job)["status"] for job in jobs} == {"completed"}
    held = [slot["model_name"] for slot in server.get("/health")["loaded_slots"]]
    assert sorted(held, key=str) == [None, MODEL]
    # A new load asks both again.
    server.post("/models/load", {"model_name": MODEL})
    with server.events() as events:
        jobs = [server.submit(prompt="a cat", steps=200, width=64, height=64) for _ in range(2)]
        for job_id in jobs:
            events.wait_for("job_progress", of_job(job_id))
        assert all(slot["busy"] for slot in server.get("/health")["loaded_slots"])
