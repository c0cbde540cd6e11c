"""The load option `prediction`: every picture is alive, and the model's own prediction changes nothing."""

from typing import Any

import pytest

from tests.support.outputs import pixels
from tests.support.running_server import RunningServer
from tests.support.server_setup import OPTIONS, ServerSetup
from tests.support.tiny_models import build

SERVER = ServerSetup()
PICTURE: dict[str, Any] = {
    "prompt": "a cat",
    "width": 64,
    "height": 64,
    "steps": 2,
    "cfg_scale": 1.0,
    "seed": 7,
}
OWN = {
    "flux_schnell": ("flux_flow", "flux2_flow"),
    "flux_dev": ("flux_flow",),
    "zimage": ("sd3_flow",),
    "minit2i": ("minit2i_flow",),
}
CHOSEN = ("eps", "v", "edm_v", "sd3_flow", "flux_flow", "flux2_flow", "minit2i_flow")


def draw(server: RunningServer, kind: str, prediction: str) -> bytes:
    options = {**OPTIONS, "prediction": prediction}
    server.post("/models/load", {**build(kind).install(server.models_dir), "options": options})
    return pixels(server, server.make(**PICTURE, sampler="euler"))


@pytest.mark.parametrize("kind", OWN)
def test_the_models_own_prediction_draws_what_none_does(server: RunningServer, kind: str) -> None:
    assert {draw(server, kind, prediction) for prediction in OWN[kind]} == {draw(server, kind, "")}


@pytest.mark.parametrize(
    ("kind", "prediction"), [("flux_schnell", "sd3_flow"), *(("minit2i", one) for one in CHOSEN)]
)
def test_every_prediction_draws_something(server: RunningServer, kind: str, prediction: str) -> None:
    assert len(set(draw(server, kind, prediction))) > 20


def test_a_prediction_that_ends_the_engine_is_refused(server: RunningServer) -> None:
    body = {**build("minit2i").install(server.models_dir), "options": {"prediction": "sefi_flow"}}
    assert server.post("/models/load", body, expect=400)["error"] == (
        "options.prediction: 'sefi_flow' is for SeFi-Image, this model is MiniT2I"
    )
