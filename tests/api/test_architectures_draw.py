"""Every architecture that is light enough loads by its tensors and draws; the others are heavy tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.real_engine import opened, pixels
from tests.support.running_server import RunningServer
from tests.support.tiny_models import build

ARCHITECTURES = {
    "minit2i": "MiniT2I",
    "sd1_whole": "SD1.5",
    "sd3": "SD3",
    "flux_schnell": "Flux",
    "zimage": "Z-Image",
}


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[RunningServer]:
    for kind in ARCHITECTURES:
        build(kind).install(root / "models")
    running = RunningServer(root)
    yield running
    running.kill()
    assert not [line for line in running.log if "Traceback" in line]


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_a_model_is_recognised_and_draws_what_prompt_and_seed_say(server: RunningServer, kind: str) -> None:
    body = build(kind).install(server.models_dir)
    # One thread: several would wait for each other wherever cores are shared.
    loaded = server.post("/models/load", body | {"options": {"n_threads": 1}})
    assert loaded["model_architecture"] == ARCHITECTURES[kind]
    architectures = server.get("/architectures")
    assert (
        architectures["current_preset"]
        == architectures["architectures"][architectures["current_architecture"]]
    )
    same = {"width": 64, "height": 64, "steps": 1, "cfg_scale": 1.0, "seed": 7}
    first, again, other = (server.make(prompt=prompt, **same) for prompt in ("a cat", "a cat", "a dog"))
    assert len(opened(server, first).getcolors(2**16) or []) > 10
    assert pixels(server, first) == pixels(server, again) != pixels(server, other)
