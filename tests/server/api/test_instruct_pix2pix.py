"""What img2img means to a model that edits pictures: on a tiny Instruct-Pix2Pix."""

from typing import Any

import pytest

from tests.support.images import as_base64, picture
from tests.support.outputs import pixels
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

pytestmark = pytest.mark.heavy

INIT = as_base64(picture())
OTHER = as_base64(picture().rotate(90))
BASE: dict[str, Any] = {
    "prompt": "make it a cat", "width": 64, "height": 64, "steps": 2, "cfg_scale": 3.0, "seed": 7,
    "sampler": "euler", "init_image_base64": INIT,
}  # fmt: skip

SERVER = ServerSetup(loads=["sd1_edit"])


def shot(server: RunningServer, **changed: Any) -> bytes:
    return pixels(server, server.make("/img2img", **BASE | changed))


@pytest.mark.proves("img2img.img_cfg_scale")
def test_the_image_scale_changes_the_picture_and_follows_cfg_scale_unless_it_is_given(
    server: RunningServer,
) -> None:
    default = shot(server)
    assert shot(server, img_cfg_scale=3.0) == default
    assert shot(server, img_cfg_scale=1.5) != default


def test_the_init_image_is_what_is_edited_unless_there_are_references(server: RunningServer) -> None:
    default = shot(server)
    assert shot(server, ref_images=[INIT]) == default
    assert shot(server, ref_images=[OTHER]) != default


def test_a_second_pass_that_would_end_the_engine_fails_the_job(server: RunningServer) -> None:
    job = server.wait_for_job(server.submit("/img2img", **BASE, hires=True))
    assert (job["status"], job["error"]) == (
        "failed", "hires: not possible with Instruct-Pix2Pix; leave it out"
    )  # fmt: skip
