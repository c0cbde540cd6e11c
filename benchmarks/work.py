"""Jobs through the server under test, and an engine that is kept busy."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from sdcpp_restapi.demo.model import DemoModel
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from tests.server import FINAL, Events, RunningServer

from .client import percentiles
from .report import Figure
from .stores import PROMPT

SMALL = Txt2ImgRequest(prompt=PROMPT, width=64, height=64, steps=2, cfg_scale=1.0, seed=1)
# Minutes of work for both cores; a step takes some tenths of a second.
LONG = Txt2ImgRequest(prompt=PROMPT, width=256, height=256, steps=1000, cfg_scale=1.0, seed=1)


def load_model(server: RunningServer, demo: DemoModel) -> None:
    """Make the demo model the current one."""
    server.post("/models/load", demo.load_request().model_dump(exclude_defaults=True))


def overhead(
    server: RunningServer, engine_alone: Callable[[Txt2ImgRequest], float], times: int
) -> list[Figure]:
    """What a job takes besides the engine's call; both sides take turns, so that noise meets both."""
    body = SMALL.model_dump(exclude_defaults=True)
    jobs, calls, posts = [], [], []
    with server.events() as events, httpx.Client(base_url=server.url) as http:
        for _ in range(times):
            calls.append(engine_alone(SMALL) * 1000)
            began = time.perf_counter()
            job_id = http.post("/txt2img", json=body).json()["job_id"]
            posts.append((time.perf_counter() - began) * 1000)
            outputs = _wait(events, job_id)
            jobs.append((time.perf_counter() - began) * 1000)
            assert (server.output_dir / outputs[0]).is_file()
    spent = statistics.median(job - call for job, call in zip(jobs, calls, strict=True))
    detail = f"job {statistics.median(jobs):.1f} ms, engine alone {statistics.median(calls):.1f} ms"
    return [Figure("job overhead, POST to file", spent, "ms", 15, detail=detail), *_post(posts, "idle")]


def post_while_busy(server: RunningServer, times: int) -> list[Figure]:
    """The latency of POST /txt2img on one connection; the jobs pile up behind the running one."""
    body = SMALL.model_dump(exclude_defaults=True)
    posts = []
    with httpx.Client(base_url=server.url) as http:
        for _ in range(times):
            began = time.perf_counter()
            assert http.post("/txt2img", json=body).status_code == 202
            posts.append((time.perf_counter() - began) * 1000)
    return _post(posts, "busy")


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


def _wait(events: Events, job_id: str) -> list[str]:
    ended = events.wait_for(
        "job_status_changed", lambda data: data["job_id"] == job_id and data["status"] in FINAL
    )
    assert ended["status"] == "completed", ended
    outputs: list[str] = ended["outputs"]
    return outputs


def _post(milliseconds: list[float], engine: str) -> list[Figure]:
    p50, p99 = percentiles(milliseconds)
    name = f"POST /txt2img, 10,000 jobs stored, engine {engine}"
    return [Figure(f"{name}: p50", p50, "ms", 5), Figure(f"{name}: p99", p99, "ms", 5)]
