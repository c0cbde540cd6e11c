"""Pictures of the real engine, as a server has them."""

import io
from typing import Any

from PIL import Image

from sdcpp_restapi.engine.child.single_colour import find_single_colour
from tests.support.running_server import RunningServer


def image_file(server: RunningServer, job: dict[str, Any], index: int = 0) -> bytes:
    """One output as it is served."""
    answer = server.http.get(f"/output/{job['outputs'][index]}")
    assert answer.status_code == 200
    return answer.content


def opened(server: RunningServer, job: dict[str, Any], index: int = 0) -> Image.Image:
    """One output as a picture."""
    return Image.open(io.BytesIO(image_file(server, job, index)))


def pixels(server: RunningServer, job: dict[str, Any], index: int = 0) -> bytes:
    """The pixels of one output, which is alive: a picture that went black shows nothing but that."""
    image = opened(server, job, index)
    assert find_single_colour(image) is None, f"all pixels are alike: {job.get('warnings')}"
    return image.tobytes()
