"""A server without an engine and workers with scripted ones, below one folder."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from tests.support.logged_process import LoggedProcess
from tests.support.running_server import RunningServer
from tests.support.running_worker import Worker
from tests.support.scripted_engine import engine_command, put

MODEL = "one.safetensors"
SHORT: dict[str, Any] = {"prompt": "short", "steps": 2, "width": 64, "height": 64}
# At 5 ms a step: long enough that a test does something meanwhile.
LONG: dict[str, Any] = {"prompt": "long, and large", "steps": 300, "width": 64, "height": 64}


class Site:
    """A server and its workers, below one folder."""

    def __init__(self, root: Path, broker_url: str) -> None:
        self.root = root
        self.broker_url = broker_url
        self.workers: dict[str, Worker] = {}
        self._started: list[LoggedProcess] = []
        self.loaded: dict[str, Any] = {}
        self.env = {
            "SDCPP_CLUSTER_PREFIX": uuid4().hex[:8],
            "SDCPP_CLUSTER_ANNOUNCE_EVERY": "0.3",
            "SDCPP_CLUSTER_LOST_AFTER": "1.5",
            "SDCPP_ENGINE_RESTART_DELAY": "0",
        }
        put(root, f"checkpoints/{MODEL}")

    def serve(self, **settings: str) -> RunningServer:
        """Start the server; it has no engine unless `settings` say otherwise."""
        given = {f"SDCPP_{name.upper()}": value for name, value in settings.items()}
        env = {**self.env, "SDCPP_ENGINE_DEVICES": "[]", **self.engine("good"), **given}
        self.server = RunningServer(self.root, "--nats", self.broker_url, env=env)
        self._started.append(self.server)
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
        self.keep(Worker(broker_url or self.broker_url, self.root, name, models=models, env=env))
        self.wait_for_worker(name, state)
        return self.workers[name]

    def keep(self, worker: Worker) -> Worker:
        """One more worker of the site, which is ended with it."""
        self.workers[worker.name] = worker
        self._started.append(worker)
        return worker

    def wait_for_worker(self, name: str, state: str, engine: str | None = None) -> dict[str, Any]:
        """The worker as the server tells it, once it is in this state and its models are known.

        `engine`: and its engine is of this revision.
        """
        with self.server.events() as events:
            while True:
                for worker in self.server.get("/workers")["workers"]:
                    if (
                        worker["name"] == name
                        and worker["state"] == state
                        and (worker["models"] or state != "ready")
                        and engine in (None, worker["engine"])
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
        return engine_command(scenario, self.root)

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

    def close(self) -> None:
        """End everything; none of it may have logged a traceback."""
        with ExitStack() as ending:
            for process in self._started:
                ending.callback(process.end)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, failure: BaseException | None, _where: object) -> None:
        for process in self._started:
            process.expects_tracebacks |= failure is not None
        self.close()
