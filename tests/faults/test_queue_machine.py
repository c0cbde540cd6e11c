"""Random sequences of what users do and machines suffer: no job is lost, finished twice or overtaken."""

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support.running_server import FINAL, RunningServer
from tests.support.scripted_engine import engine_command, put

MODELS = ("one.safetensors", "two.safetensors")
STEPS = {"quick": 2, "slow": 40}


class QueueMachine(RuleBasedStateMachine):
    """One server, one scripted engine, and what we know about the jobs we submitted."""

    jobs: Bundle[str] = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="sdcpp-machine-")
        self.submitted: list[str] = []
        self.final: dict[str, str] = {}
        self.cancelled: set[str] = set()
        self.current: str | None = None

    @initialize()
    def start(self) -> None:
        root = Path(self.folder.name)
        for name in MODELS:
            put(root, f"checkpoints/{name}")
        env = {**engine_command("good", root), "SDCPP_ENGINE_RESTART_DELAY": "0"}
        self.server = RunningServer(root, env=env)
        self.load(MODELS[0])

    @rule(name=st.sampled_from(MODELS))
    def load(self, name: str) -> None:
        self.server.post("/models/load", {"model_name": name})
        self.current = name

    @rule()
    def unload(self) -> None:
        self.server.post("/models/unload")
        self.current = None

    @precondition(lambda self: self.current is not None)
    @rule(target=jobs, kind=st.sampled_from(sorted(STEPS)))
    def submit(self, kind: str) -> str:
        job_id = self.server.submit(prompt=kind, steps=STEPS[kind], width=64, height=64)
        assert self.server.get(f"/queue/{job_id}")["model"] == self.current
        self.submitted.append(job_id)
        return job_id

    @rule(job_id=consumes(jobs))
    def cancel(self, job_id: str) -> None:
        was_final = job_id in self.final
        answer = self.server.http.delete(f"/queue/{job_id}")
        assert answer.status_code in (200, 400)
        assert not (was_final and answer.status_code == 200)
        if answer.status_code == 200:
            self.cancelled.add(job_id)

    @rule()
    def kill_engine(self) -> None:
        for child in psutil.Process(self.server.process.pid).children():
            with suppress(psutil.NoSuchProcess):  # an earlier rule's kill may just be cleared away
                child.kill()

    @rule()
    def restart(self) -> None:
        self.server.restart()

    @rule()
    def kill_server(self) -> None:
        self.server.kill()
        self.server.start()

    @rule()
    def look(self) -> None:
        self._check(self.server.get("/queue", order="asc"))

    def _check(self, queue: dict[str, Any]) -> None:
        assert [item["job_id"] for item in queue["items"]] == self.submitted
        assert queue["total_count"] == len(self.submitted)
        for item in queue["items"]:
            job_id, status = item["job_id"], item["status"]
            assert self.final.get(job_id, status) == status, "a final state was left"
            assert (status == "cancelled") == (job_id in self.cancelled)
            if status in FINAL:
                self.final[job_id] = status
            if status == "completed":
                assert all((self.server.output_dir / output).is_file() for output in item["outputs"])
                assert item["outputs"]

    def teardown(self) -> None:
        if not hasattr(self, "server"):
            return
        try:
            for job_id in self.submitted:
                self.server.wait_for_job(job_id)
            queue = self.server.get("/queue", order="asc")
            self._check(queue)
            completed = [item["timings"] for item in queue["items"] if item["status"] == "completed"]
            starts = [timings["started_at"] for timings in completed]
            assert starts == sorted(starts), "the order was not kept"
            # A stop may come before the outputs of a cancelled job are discarded; the next start sweeps them.
            self.server.restart()
            self.server.stop()
            folders = {path.name for path in self.server.output_dir.glob("*")}
            assert folders == {job_id for job_id, status in self.final.items() if status == "completed"}
        finally:
            self.server.end()
            self.folder.cleanup()


# Shrinking needs runs that repeat to the letter, which processes do not do.
MACHINE = settings(
    deadline=None,
    phases=[Phase.generate],
    database=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.mark.heavy
def test_the_queue_keeps_its_promises_through_crashes_and_restarts() -> None:
    run_state_machine_as_test(
        QueueMachine, settings=settings(MACHINE, max_examples=4, stateful_step_count=12)
    )


@pytest.mark.heavy
@pytest.mark.timeout(1800)
def test_the_queue_keeps_its_promises_through_hundreds_of_crashes() -> None:
    run_state_machine_as_test(
        QueueMachine, settings=settings(MACHINE, max_examples=60, stateful_step_count=20)
    )
