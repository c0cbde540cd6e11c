"""Servers whose engine is a scripted child: everything but pictures can be tested without weights."""

import json
import os
import struct
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.running_server import RunningServer

CHILD = Path(__file__).with_name("scripted_child.py")
MODEL = "scripted.safetensors"
REFUSED = "refused.safetensors"
# What loads the one that is not refused.
SCRIPTED = {"model_name": MODEL}
# More steps than any test lives to see: at 5 ms each, a job that runs until it is cancelled.
NEVER_ENDING: dict[str, Any] = {"prompt": "never ending", "steps": 1_000_000, "width": 64, "height": 64}
SHORT: dict[str, Any] = {"prompt": "short", "steps": 2, "width": 64, "height": 64}
# At step 3 of it, the scripts that say so do what they do.
PROMPT: dict[str, Any] = {"prompt": "a cat", "steps": 5, "width": 64, "height": 64}

# Extension -> a whole file without tensors.
EMPTY_MODELS = {
    ".safetensors": struct.pack("<Q", 19) + b'{"__metadata__":{}}',
    ".gguf": b"GGUF" + struct.pack("<IQQ", 3, 0, 0),
}

StartFaulty = Callable[..., RunningServer]


def engine_command(scenario: str, state: Path) -> dict[str, str]:
    """The environment variable that makes a scripted child the engine; it keeps its state in a folder."""
    return {"SDCPP_ENGINE_COMMAND": json.dumps([sys.executable, str(CHILD), scenario, str(state)])}


def empty_model(name: str, size: int = 0) -> bytes:
    """A file of this name and at least this size, whose header is valid and names no tensor."""
    return EMPTY_MODELS.get(Path(name).suffix.lower(), b"\0").ljust(size, b"\0")


def put(root: Path, name: str, size: int = 0) -> Path:
    """A file of at least so many bytes in the models folder, whose header is valid and names no tensor."""
    path = root / "models" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(empty_model(name, size))
    return path


def environment(root: Path, **settings: str) -> dict[str, str]:
    """The environment of a server below `root` with a scripted engine and two models that it knows.

    `settings` are environment variables without SDCPP_.
    """
    put(root, f"checkpoints/{MODEL}")
    put(root, f"checkpoints/{REFUSED}")
    return {
        **engine_command("obeys", root),
        "SDCPP_LIMITS_MAX_STEPS": "1000000",
        **{f"SDCPP_{name.upper()}": value for name, value in settings.items()},
    }


@contextmanager
def serving(root: Path, *flags: str, loaded: bool = True, **settings: str) -> Iterator[RunningServer]:
    """A server with the scripted model loaded; at the end its log must hold no traceback."""
    with RunningServer(root, *flags, env=environment(root, **settings)) as server:
        if loaded:
            load(server)
        yield server


def load(server: RunningServer) -> None:
    """Load the scripted model."""
    server.post("/models/load", SCRIPTED)


@contextmanager
def busy(server: RunningServer) -> Iterator[str]:
    """The engine is busy for the block with the job whose id this is; then the job is cancelled."""
    with server.events() as events:
        job_id = server.submit(**NEVER_ENDING)
        events.wait_for("job_progress", lambda data: data["job_id"] == job_id)
        try:
            yield job_id
        finally:
            server.http.delete(f"/queue/{job_id}")


@contextmanager
def load_waiting(server: RunningServer, expect: int = 200, **body: Any) -> Iterator[Future[Any]]:
    """A load waits for the running job from now on; the block is left once it has its answer of this status.

    What must come after the request comes in the block: before, the server may not have read it yet.
    """
    with server.events() as events, ThreadPoolExecutor() as other:
        loading = other.submit(server.post, "/models/load", body, expect)
        events.wait_for("model_load_waiting", lambda data: data["model_name"] == body["model_name"])
        yield loading
        loading.result()


@contextmanager
def loads_held(root: Path) -> Iterator[None]:
    """Loads of the scripted engine do not end before the block does."""
    gate = root / "gate"
    os.mkfifo(gate)
    # Opened for both directions, so that neither side waits for the other; the child reads until it closes.
    with open(gate, "r+b", buffering=0):
        try:
            yield
        finally:
            gate.unlink()
