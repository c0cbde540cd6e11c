"""What only models of a gigabyte can show: SDXL's own parameter, ControlNets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.images import as_base64, picture
from tests.support.outputs import pixels
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup
from tests.support.tiny_models import build

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]  # gigabytes are written and read

BASE: dict[str, Any] = {
    "prompt": "a cat", "width": 64, "height": 64, "steps": 2, "cfg_scale": 1.0, "seed": 7, "sampler": "euler",
}  # fmt: skip
CONTROLLED = BASE | {"control_image_base64": as_base64(picture())}
INIT = {"init_image_base64": as_base64(picture(40, 30))}


@pytest.mark.proves("txt2img.shifted_timestep")
def test_shifted_timestep_changes_what_sdxl_draws(tmp_path: Path) -> None:
    with ServerSetup(loads=["sdxl"]).running(tmp_path) as server:
        plain, set_flow_shift = (server.make(**BASE, shifted_timestep=by) for by in (0, 250))
        assert pixels(server, plain) != pixels(server, set_flow_shift)


@pytest.fixture(scope="module")
def controlled(root: Path) -> Iterator[RunningServer]:
    """A server with SD1.5 and its ControlNet loaded."""
    controlnet = build("controlnet").install(root / "models")
    with ServerSetup(models=["sd1"], loads=["sd1_wide"]).running(root) as server:
        server.post("/models/load", build("sd1_wide").install(root / "models") | controlnet)
        yield server


@pytest.mark.parametrize(
    ("path", "more"),
    [
        pytest.param(
            f"/{endpoint}",
            more,
            marks=pytest.mark.proves(f"{endpoint}.control_image_base64", f"{endpoint}.control_strength"),
        )
        for endpoint, more in {"txt2img": {}, "img2img": INIT}.items()
    ],
)
def test_a_control_image_steers_the_picture_by_its_strength(
    controlled: RunningServer, path: str, more: dict[str, str]
) -> None:
    def shown(**params: Any) -> bytes:
        return pixels(controlled, controlled.make(path, **more | params))

    free, steered, weakly = shown(**BASE), shown(**CONTROLLED), shown(**CONTROLLED, control_strength=0.2)
    assert len({free, steered, weakly}) == 3
    assert shown(**CONTROLLED, control_strength=0) == free


@pytest.mark.proves("load.controlnet")
def test_a_load_that_differs_in_the_controlnet_only_takes_it_out_and_in(controlled: RunningServer) -> None:
    body = build("sd1_wide").install(controlled.models_dir)
    controlnet = build("controlnet").install(controlled.models_dir)
    steered = pixels(controlled, controlled.make(**CONTROLLED))
    without = controlled.post("/models/load", body)
    assert without["loaded_components"]["controlnet"] is None
    assert pixels(controlled, controlled.make(**CONTROLLED)) == pixels(controlled, controlled.make(**BASE))
    controlled.post("/models/load", body | controlnet | {"options": {"keep_controlnet_on_cpu": True}})
    assert pixels(controlled, controlled.make(**CONTROLLED)) == steered


def test_a_controlnet_that_does_not_fit_the_model_fails_the_job_and_not_the_server(
    controlled: RunningServer,
) -> None:
    narrow = build("sd1").install(controlled.models_dir) | build("controlnet").install(controlled.models_dir)
    controlled.post("/models/load", narrow)
    job = controlled.wait_for_job(controlled.submit(**CONTROLLED), seconds=120)
    assert job["status"] == "failed"
    assert "SIGABRT" in job["error"]
    assert controlled.make(**BASE)["outputs"]
