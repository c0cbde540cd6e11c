"""Servers with the real engine and a tiny model."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from tests.support.running_server import RunningServer
from tests.support.tiny_models import build


@contextmanager
def drawing(
    root: Path, kind: str, *more: str, options: dict[str, Any] | None = None
) -> Iterator[RunningServer]:
    """A server that has a tiny model of this kind loaded; models of the kinds in `more` lie beside it."""
    models = root / "models"
    for other in more:
        build(other).install(models)
    body = build(kind).install(models)
    server = RunningServer(root)
    try:
        # One thread: several would wait for each other wherever cores are shared.
        server.post("/models/load", {**body, "options": {"n_threads": 1, **(options or {})}})
        yield server
    finally:
        server.kill()
        print("\n".join(["--- log of the server", *server.log[-60:]]))
    assert not [line for line in server.log if "Traceback" in line]


def image_file(server: RunningServer, job: dict[str, Any], index: int = 0) -> bytes:
    """One output as it is served."""
    answer = server.http.get(f"/output/{job['outputs'][index]}")
    assert answer.status_code == 200
    return answer.content


def opened(server: RunningServer, job: dict[str, Any], index: int = 0) -> Image.Image:
    """One output as a picture."""
    return Image.open(io.BytesIO(image_file(server, job, index)))


def pixels(server: RunningServer, job: dict[str, Any], index: int = 0) -> bytes:
    """The pixels of one output."""
    return opened(server, job, index).tobytes()
