"""Jobs through the server under test, and an engine that is kept busy."""

import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.models import LoadRequest
from tests.support.running_server import FINAL, Events, RunningServer

from .client import percentiles
from .report import Figure
from .stores import PROMPT

SMALL = Txt2ImgRequest(prompt=PROMPT, width=64, height=64, steps=2, cfg_scale=1.0, seed=1)
IN_A_ROW = 8
# Minutes of work for both cores; a step takes some tenths of a second.
LONG = Txt2ImgRequest(prompt=PROMPT, width=256, height=256, steps=1000, cfg_scale=1.0, seed=1)


def load_model(server: RunningServer, model: LoadRequest) -> None:
    """Make a model the current one."""
    server.post("/models/load", model.model_dump(exclude_defaults=True))


def overhead(
    server: RunningServer, engine_alone: Callable[[Txt2ImgRequest], float], times: int
) -> list[Figure]:
    """What a job takes besides the engine's call; both sides take turns, so that noise meets both."""
    client = httpx.Client(base_url=server.url)
    with server.events(previews=False) as events, client as http, _disk(server) as sync:
        pairs = [(engine_alone(SMALL) * 1000, _one_job(server, http, events), sync()) for _ in range(times)]
    alone = statistics.median(call for call, _, _ in pairs)
    whole = statistics.median(job.whole for _, job, _ in pairs)
    within = statistics.median(job.engine for _, job, _ in pairs)
    detail = f"job {whole:.1f} ms, engine alone {alone:.1f} ms, engine in the server {within:.1f} ms"
    return [
        Figure("job, POST to file, less the engine alone", whole - alone, "ms", 15, detail=detail),
        Figure("the same, less its own engine call", whole - within, "ms"),
        *_post([job.post for _, job, _ in pairs], [synced for _, _, synced in pairs], "idle"),
    ]


def back_to_back(
    server: RunningServer, engine_alone: Callable[[Txt2ImgRequest], float], rounds: int
) -> list[Figure]:
    """The engine's share of the time of small jobs that wait for each other, against the engine alone.

    The best round of both counts: noise only ever adds.
    """
    alone, ours = [], []
    with server.events(previews=False) as events:
        for _ in range(rounds):
            alone.append(sum(engine_alone(SMALL) for _ in range(IN_A_ROW)))
            # Behind a job of the same kind, so that all of them wait before the clock starts.
            jobs = [server.submit(**SMALL.model_dump(exclude_defaults=True)) for _ in range(IN_A_ROW + 1)]
            ends = [_wait_for_end(events, job_id) for job_id in jobs]
            ours.append(ends[-1] - ends[0])
    share = min(alone) / min(ours)
    detail = f"engine alone {min(alone) * 1000:.0f} ms, server {min(ours) * 1000:.0f} ms"
    name = f"{IN_A_ROW} small jobs in a row, share of the engine alone"
    return [Figure(name, share, "", 0.95, more_is_better=True, detail=detail)]


def _wait_for_end(events: Events, job_id: str) -> float:
    events.wait_for("job_status_changed", lambda data: data["job_id"] == job_id and data["status"] in FINAL)
    return time.perf_counter()


@dataclass(frozen=True)
class _Job:
    """Milliseconds: until the POST was answered, until the file was there, within the engine's call."""

    post: float
    whole: float
    engine: float


def _one_job(server: RunningServer, http: httpx.Client, events: Events) -> _Job:
    began = time.perf_counter()
    job_id = http.post("/txt2img", json=SMALL.model_dump(exclude_defaults=True)).json()["job_id"]
    answered = time.perf_counter()
    ended = events.wait_for(
        "job_status_changed", lambda data: data["job_id"] == job_id and data["status"] in FINAL
    )
    seconds = time.perf_counter() - began
    assert (server.output_dir / ended["outputs"][0]).is_file(), ended
    config = json.loads((server.output_dir / job_id / "config.json").read_text())
    return _Job((answered - began) * 1000, seconds * 1000, config["timings"]["generate_seconds"] * 1000)


def post_while_busy(server: RunningServer, times: int) -> list[Figure]:
    """The latency of POST /txt2img on one connection; the jobs pile up behind the running one."""
    body = SMALL.model_dump(exclude_defaults=True)
    posts, syncs = [], []
    with httpx.Client(base_url=server.url) as http, _disk(server) as sync:
        for _ in range(times):
            began = time.perf_counter()
            assert http.post("/txt2img", json=body).status_code == 202
            posts.append((time.perf_counter() - began) * 1000)
            syncs.append(sync())
    return _post(posts, syncs, "busy")


@contextmanager
def _disk(server: RunningServer) -> Iterator[Callable[[], float]]:
    """What appends as much as a commit and syncs it, and tells the milliseconds: no POST can be faster."""
    with (server.data_dir / "synced").open("wb", buffering=0) as file:

        def sync() -> float:
            began = time.perf_counter()
            file.write(bytes(8192))
            os.fdatasync(file.fileno())
            return (time.perf_counter() - began) * 1000

        yield sync


@contextmanager
def busy_engine(server: RunningServer) -> Iterator[None]:
    """For the time of the block one long generation takes all cores."""
    with server.events() as events:
        job_id = server.submit(**LONG.model_dump(exclude_defaults=True))
        events.wait_for("job_progress", lambda data: data["job_id"] == job_id)
    yield
    assert server.get(f"/queue/{job_id}")["status"] == "processing", "the long job did not last"
    with server.events() as events:
        server.http.delete(f"/queue/{job_id}")
        events.wait_for("job_cancelled", lambda data: data["job_id"] == job_id)


def wait_until_idle(server: RunningServer) -> None:
    """Until no job waits or runs."""
    while (counts := server.get("/queue", limit=1))["pending_count"] + counts["processing_count"]:
        time.sleep(0.2)


def _post(milliseconds: list[float], syncs: list[float], engine: str) -> list[Figure]:
    p50, p99 = percentiles(milliseconds)
    least50, least99 = percentiles(syncs)
    name = f"POST /txt2img, 10,000 jobs stored, engine {engine}"
    return [
        Figure(f"{name}: p50", p50, "ms", 5, detail=f"the disk alone {least50:.1f} ms"),
        Figure(f"{name}: p99", p99, "ms", 5, detail=f"the disk alone {least99:.1f} ms"),
    ]
