"""Several slots and several workers beside one, with an engine that only sleeps: what is lost is ours."""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from tests.support.broker import Broker
from tests.support.running_server import FINAL, Events, RunningServer
from tests.support.running_worker import Worker
from tests.support.tiny_models import build

from .plan import Plan
from .report import Figure, Report

MODEL = "sleeper.safetensors"
SLEEPER = {"model_name": MODEL}
CHILD = Path(__file__).with_name("sleeping_child.py")
SIZES = (1, 2, 4)
# Seconds of a job where throughput is compared with linear.
SLEEP = 0.5

Request = dict[str, Any]
Site = Callable[[int], AbstractContextManager[RunningServer]]


def measure(folder: Path, plan: Plan, report: Report) -> None:
    """Everything about slots and workers; the servers' folders are below `folder`."""
    prepare(folder)
    broker = Broker(folder / "broker")
    try:
        report.add(*nothing(folder, broker.url, plan))
        report.add(*latency(folder, broker.url, plan))
        scaling(report, "slots", lambda count: slots(folder, count), plan)
        scaling(report, "workers", lambda count: workers(folder, broker.url, count), plan)
        report.add(*real(folder, broker.url, plan))
    finally:
        broker.stop()


def prepare(folder: Path) -> None:
    """A model that no engine reads."""
    checkpoints = folder / "models" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / MODEL).touch()


def nothing(folder: Path, broker: str, plan: Plan) -> list[Figure]:
    """Jobs a second where a job costs nothing."""
    with slots(folder, 1) as server:
        alone = per_second(server, "0", plan.posts)
    with workers(folder, broker, 1) as server:
        through = per_second(server, "0", plan.posts)
    return [
        Figure("jobs that cost nothing, one slot here", alone, "jobs/s"),
        Figure("the same, through the broker to one worker", through, "jobs/s"),
    ]


def latency(folder: Path, broker: str, plan: Plan) -> list[Figure]:
    """What a worker adds to a job; both sides take turns, so that noise meets both."""
    with (
        slots(folder, 1) as here,
        workers(folder, broker, 1) as there,
        here.events() as near,
        there.events() as far,
    ):
        pairs = [(one_job(here, near), one_job(there, far)) for _ in range(plan.jobs)]
    added = sorted(far - near for near, far in pairs)
    here_ms, there_ms = (statistics.median(side) for side in zip(*pairs, strict=True))
    detail = f"{len(pairs)} pairs; a job takes {here_ms:.1f} ms here, {there_ms:.1f} ms there"
    return [
        Figure("what a worker adds to a job, median", statistics.median(added), "ms", 25, detail=detail),
        Figure("what a worker adds to a job, p95", added[int(len(added) * 0.95)], "ms"),
    ]


def scaling(report: Report, what: str, site: Site, plan: Plan) -> None:
    """Jobs a second of 1, 2 and 4, as part of what they could do if each did what one does."""
    one = 0.0
    for count in SIZES:
        with site(count) as server:
            rate = per_second(server, str(SLEEP), count * (8 if plan.posts > 100 else 4))
        one = one or rate
        detail = f"{rate:.2f} jobs/s; sleep alone {count / SLEEP:.0f}, a job sleeps {SLEEP} s"
        report.add(
            Figure(f"{count} {what}, of {count} times one", rate / one / count, "", 0.95, True, detail)
        )


def real(folder: Path, broker: str, plan: Plan) -> list[Figure]:
    """The same with the real engine, a tiny model and one thread a slot: bounded by the cores."""
    request = build("minit2i").install(folder / "models")
    figures = []
    for what, count, site in (
        ("slot", 1, slots(folder, 1, request)),
        ("slots", 2, slots(folder, 2, request)),
        ("worker", 1, workers(folder, broker, 1, request)),
        ("workers", 2, workers(folder, broker, 2, request)),
    ):
        with site as server:
            rate = per_second(server, "clouds", count * (24 if plan.posts > 100 else 8))
        detail = f"tiny MiniT2I, 64x64, 1 step, one thread a slot; {os.cpu_count()} cores for everything"
        figures.append(Figure(f"the real engine, {count} {what}", rate, "jobs/s", detail=detail))
    return figures


# ---------------------------------------------------------------- jobs


def per_second(server: RunningServer, prompt: str, count: int) -> float:
    """Jobs a second, counted from the first end to the last; the line never runs empty."""
    with server.events() as events, ThreadPoolExecutor(8) as pool:
        busy = [slot["device"] for slot in server.get("/health")["loaded_slots"]]
        jobs = count + len(busy)
        list(pool.map(lambda _: submit(server, prompt), range(jobs)))
        ends = [wait_for_end(events) for _ in range(jobs)]
    # The first round of the slots began while jobs were still being submitted.
    first, last = ends[len(busy) - 1], ends[-1]
    return (jobs - len(busy)) / (last - first)


def one_job(server: RunningServer, events: Events) -> float:
    """Milliseconds from the POST to the event of its end."""
    began = time.perf_counter()
    submit(server, "0")
    return (wait_for_end(events) - began) * 1000


def submit(server: RunningServer, prompt: str) -> str:
    """A job that takes as many seconds as its prompt says."""
    return server.submit(prompt=prompt, steps=1, width=64, height=64)


def wait_for_end(events: Events) -> float:
    """When the next job ended."""
    ended = events.wait_for("job_status_changed", lambda data: data["status"] in FINAL)
    assert ended["status"] == "completed", ended
    return time.perf_counter()


# ---------------------------------------------------------------- machines


@contextmanager
def slots(folder: Path, count: int, model: Request | None = None) -> Iterator[RunningServer]:
    """A server with so many slots of its own, loaded: `model` in the real engine, or one that sleeps."""
    devices = {"SDCPP_ENGINE_DEVICES": json.dumps(["cpu:1"] * count)}
    server = RunningServer(folder, env=engine(folder, model) | devices)
    try:
        load_everywhere(server, count, model or SLEEPER)
        yield server
    finally:
        server.stop()


@contextmanager
def workers(folder: Path, broker: str, count: int, model: Request | None = None) -> Iterator[RunningServer]:
    """A server without slots and so many workers with one each, loaded as `slots` are."""
    own = {"SDCPP_CLUSTER_PREFIX": f"bench-{time.monotonic_ns()}", "SDCPP_ENGINE_DEVICES": "cpu:1"}
    env = engine(folder, model) | own
    data = ("--data-dir", "dispatcher")
    server = RunningServer(folder, *data, "--nats", broker, env=env | {"SDCPP_ENGINE_DEVICES": "[]"})
    machines = [Worker(broker, folder, f"w{number}", env=env) for number in range(count)]
    try:
        for machine in machines:
            server.wait_for_log(f"worker {machine.name} is there")
        wait_until(lambda: all(one["models"] for one in server.get("/workers")["workers"]))
        load_everywhere(server, count, model or SLEEPER)
        yield server
    finally:
        for machine in machines:
            machine.stop()
        server.stop()


def load_everywhere(server: RunningServer, count: int, model: Request) -> None:
    """Load the model into all slots; the answer comes when the first one has it."""
    server.post("/models/load", model)

    def loaded() -> bool:
        views = server.get("/health")["loaded_slots"]
        return len(views) == count and all(view["model_name"] == model["model_name"] for view in views)

    wait_until(loaded)


def wait_until(so: Callable[[], bool]) -> None:
    """Ask again until it is so."""
    while not so():
        time.sleep(0.05)


def engine(folder: Path, model: Request | None) -> dict[str, str]:
    """The environment of an engine that sleeps, or of the real one."""
    if model is not None:
        return {}
    return {"SDCPP_ENGINE_COMMAND": json.dumps([sys.executable, str(CHILD), "good", str(folder)])}
