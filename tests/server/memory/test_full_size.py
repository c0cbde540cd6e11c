"""Weights of the published sizes: what POST /plan says is what the engine's process takes.

Gigabytes are written, read and deleted: ./test --heavy -s tests/server/memory/test_full_size.py
"""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.full_size import sd15_shapes, sdxl_shapes, write_half_precision
from tests.support.running_server import RunningServer
from tests.support.tiny_models.files import Shapes

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]

PICTURE: dict[str, Any] = {"prompt": "a cat", "width": 256, "height": 256, "steps": 1, "cfg_scale": 1}
MIB = 2**20
# What a plan may be wrong by, and what a process without a model takes at most.
TOLERANCE = 0.15
EMPTY = 250 * MIB
MODELS: dict[str, Callable[[], Shapes]] = {"sd15.safetensors": sd15_shapes, "sdxl.safetensors": sdxl_shapes}


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[RunningServer]:
    with RunningServer(root) as running:
        yield running


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest, server: RunningServer) -> Iterator[str]:
    """The name of a model that is there as long as its test."""
    name: str = request.param
    shapes = MODELS[name]()
    path = server.models_dir / "checkpoints" / name
    path.parent.mkdir(exist_ok=True, parents=True)
    # Twice: what is read stays in the cache of the system, but a disk must not be filled up.
    if shutil.disk_usage(path.parent).free < 2 * 8 * 10**9:
        pytest.skip("less than 16 GB of disk are free")
    write_half_precision(path, shapes)
    server.post("/models/refresh")
    try:
        yield name
    finally:
        path.unlink()


def memory_of_child(server: RunningServer) -> int:
    """Bytes of the engine's process; pages that it shares count by their share."""
    (child,) = psutil.Process(server.process.pid).children()
    return int(child.memory_full_info().pss)


@contextmanager
def peak(server: RunningServer) -> Iterator[list[int]]:
    """What the child takes, looked at again and again until the block ends."""
    seen = [memory_of_child(server)]
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.1):
            seen.append(memory_of_child(server))

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield seen
    finally:
        done.set()
        looking.join()


@pytest.mark.parametrize("mapped", [True, False], ids=["mapped", "read"])
def test_a_plan_is_what_the_engine_takes_and_an_unload_gives_it_back(
    server: RunningServer, model: str, mapped: bool
) -> None:
    body = {"model_name": model, "model_type": "checkpoint", "options": {"enable_mmap": mapped}}
    with peak(server) as seen:
        loaded = server.http.post("/models/load", json=body, timeout=600)
        assert loaded.status_code == 200, loaded.text
        planned = server.post("/plan", PICTURE)["memory"]["bytes"]
        job = server.wait_for_job(server.submit(**PICTURE), seconds=600)
        assert job["status"] == "completed", job
    server.post("/models/unload")
    left = memory_of_child(server)
    print(
        f"{model}, {'mapped' if mapped else 'read'}: planned {planned // MIB} MiB,"
        f" taken {max(seen) // MIB}, after the unload {left // MIB}"
    )
    assert max(seen) == pytest.approx(planned, rel=TOLERANCE)
    assert left < EMPTY
