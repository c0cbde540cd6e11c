"""A broker for each module; for each test a server without an engine and workers with scripted ones."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.cluster.machines import Broker, Worker
from tests.faults.conftest import CHILD
from tests.server import RunningServer

MODEL = "one.safetensors"
SHORT: dict[str, Any] = {"prompt": "short", "steps": 2, "width": 64, "height": 64}
# At 5 ms a step: long enough that a test does something meanwhile.
LONG: dict[str, Any] = {"prompt": "long, and large", "steps": 300, "width": 64, "height": 64}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One broker; tests keep apart by their prefixes."""
    running = Broker(tmp_path_factory.mktemp("broker"))
    yield running
    running.stop()


class Site:
    """A server and its workers, below one folder."""

    def __init__(self, root: Path, broker_url: str) -> None:
        self.root = root
        self.broker_url = broker_url
        self.workers: dict[str, Worker] = {}
        self.loaded: dict[str, Any] = {}
        self.env = {
            "SDCPP_CLUSTER_PREFIX": uuid4().hex[:8],
            "SDCPP_CLUSTER_ANNOUNCE_EVERY": "0.3",
            "SDCPP_CLUSTER_LOST_AFTER": "1.5",
            "SDCPP_ENGINE_RESTART_DELAY": "0",
        }
        (root / "models" / "checkpoints").mkdir(parents=True, exist_ok=True)
        (root / "models" / "checkpoints" / MODEL).touch()

    def serve(self, **settings: str) -> RunningServer:
        """Start the server; it has no engine unless `settings` say otherwise."""
        given = {f"SDCPP_{name.upper()}": value for name, value in settings.items()}
        env = {**self.env, "SDCPP_ENGINE_DEVICES": "[]", **self.engine("good"), **given}
        self.server = RunningServer(self.root, "--nats", self.broker_url, env=env)
        return self.server

    def work(
        self,
        name: str,
        scenario: str = "good",
        broker_url: str = "",
        models: str = "models",
        state: str = "ready",
        **settings: str,
    ) -> Worker:
        """Start a worker and wait until the server has it in this state."""
        given = {f"SDCPP_{setting.upper()}": value for setting, value in settings.items()}
        env = {**self.env, **self.engine(scenario), **given}
        self.workers[name] = Worker(broker_url or self.broker_url, self.root, name, models=models, env=env)
        self.wait_for_worker(name, state)
        return self.workers[name]

    def wait_for_worker(self, name: str, state: str) -> dict[str, Any]:
        """The worker as the server tells it, once it is in this state and its models are known."""
        with self.server.events() as events:
            while True:
                for worker in self.server.get("/workers")["workers"]:
                    if (
                        worker["name"] == name
                        and worker["state"] == state
                        and (worker["models"] or state != "ready")
                    ):
                        return dict(worker)
                # Whatever happens to a worker comes with an event or with a sign of life soon after.
                try:
                    events.next(0.1)
                except TimeoutError:
                    continue

    def engine(self, scenario: str) -> dict[str, str]:
        """The environment of a scripted engine; none is the real one's."""
        if not scenario:
            return {}
        command = json.dumps([sys.executable, str(CHILD), scenario, str(self.root)])
        return {"SDCPP_ENGINE_COMMAND": command}

    def load(self) -> None:
        """Make the model the current one."""
        self.server.post("/models/load", {"model_name": MODEL})

    def start_job(self, **params: Any) -> str:
        """Submit a job; its id once its first step is done."""
        with self.server.events() as events:
            job_id = self.server.submit(**LONG | params)
            events.wait_for("job_progress", lambda data: data["job_id"] == job_id)
        return job_id

    def who_has(self, job_id: str) -> tuple[str, str]:
        """The worker that runs a job, and the other one of two."""
        first = str(self.server.get(f"/queue/{job_id}")["worker"])
        (other,) = set(self.workers) - {first}
        return first, other

    def tracebacks(self) -> list[str]:
        """What nobody expected, in all logs."""
        logs = [self.server.log, *(worker.log for worker in self.workers.values())]
        return [line for log in logs for line in log if "Traceback" in line or "never retrieved" in line]

    def close(self) -> None:
        """End everything."""
        for worker in self.workers.values():
            worker.kill()
        self.server.kill()


@pytest.fixture
def site(tmp_path: Path, broker: Broker) -> Iterator[Site]:
    """An empty site; whatever the test starts is ended with it."""
    place = Site(tmp_path, broker.url)
    yield place
    place.close()
    # pytest shows this beside a failure.
    print("\n".join(["--- log of the server", *place.server.log[-60:]]))
    for name, worker in place.workers.items():
        print("\n".join([f"--- log of {name}", *worker.log[-30:]]))
    assert place.tracebacks() == []


StartSite = Callable[..., Site]
