"""Progress never goes back, from the first step to the end, whatever a job consists of.

That of a pair of video models is in tests/server/video/test_wan.py.
"""

from typing import Any

import pytest

from tests.support.images import as_base64, picture
from tests.support.progress import watch
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

SERVER = ServerSetup(models=["esrgan"], loads=["minit2i"])

PICTURE: dict[str, Any] = {
    "prompt": "a cat", "width": 16, "height": 16, "steps": 4, "batch_count": 2, "seed": 7,
}  # fmt: skip
IMAGE = as_base64(picture(16, 16))
LARGER = {"hires": True, "hires_steps": 3, "upscale": True, "upscale_auto_unload": False}


@pytest.fixture
def upscaling(server: RunningServer) -> RunningServer:
    """The server with an upscaler."""
    server.post("/upscaler/load", {"model_name": "esrgan.safetensors", "n_threads": 1})
    return server


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/txt2img", PICTURE),
        ("/txt2img", PICTURE | LARGER),
        ("/txt2img", PICTURE | {"sampler": "heun", "upscale": True, "upscale_auto_unload": False}),
        ("/img2img", PICTURE | LARGER | {"init_image_base64": IMAGE, "strength": 0.5}),
        ("/upscale", {"image_base64": IMAGE, "repeats": 2, "tile_size": 32}),
    ],
    ids=["images", "two passes", "second order", "image to image", "upscaling"],
)
def test_the_progress_of_a_job_never_goes_back(
    upscaling: RunningServer, path: str, params: dict[str, Any]
) -> None:
    told, shown = watch(upscaling, path, **params)
    assert (told, shown) == (sorted(told), sorted(shown))
    assert told[-1] == shown[-1] == 100.0
