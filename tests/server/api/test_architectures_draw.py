"""Every architecture that is light enough loads by its tensors and draws; the others are heavy tests."""

from typing import Any

import pytest

from tests.support.outputs import opened, pixels
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup
from tests.support.tiny_models import build

ARCHITECTURES = {
    "minit2i": "MiniT2I",
    "sd1_whole": "SD1.5",
    "sd3": "SD3",
    "flux_schnell": "Flux",
    "zimage": "Z-Image",
    "chroma": "Chroma",
}
# It takes 150 MB and some seconds.
LARGE = ("chroma",)

# Its CLIP-L lies there alone: SD3 would end the engine with half of the pair that it can take.
SERVER = ServerSetup(models=["flux_dev"])


@pytest.mark.parametrize(
    "kind", [pytest.param(one, marks=pytest.mark.heavy if one in LARGE else ()) for one in ARCHITECTURES]
)
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
    same: dict[str, Any] = {"width": 64, "height": 64, "steps": 1, "cfg_scale": 1.0, "seed": 7}
    first, again, other = (server.make(prompt=prompt, **same) for prompt in ("a cat", "a cat", "a dog"))
    assert len(opened(server, first).getcolors(2**16) or []) > 10
    assert pixels(server, first) == pixels(server, again) != pixels(server, other)
