"""SD1.5 makes videos with a motion module of AnimateDiff, and images as before.

The weights of a motion module take 800 MB whatever they are: this one has none that the engine reads.
"""

from typing import Any

import pytest

from tests.support.outputs import pixels
from tests.support.running_server import RunningServer
from tests.support.server_setup import OPTIONS, ServerSetup
from tests.support.tiny_models import build
from tests.support.videos import fetched, frames

BASE: dict[str, Any] = {
    "prompt": "a cat", "width": 64, "height": 64, "steps": 1, "cfg_scale": 1.0, "seed": 7, "sampler": "euler",
}  # fmt: skip

SERVER = ServerSetup()


@pytest.mark.proves("load.motion_module")
def test_a_motion_module_lets_an_image_model_make_videos(server: RunningServer) -> None:
    body = {**build("sd1").install(server.models_dir), "options": OPTIONS}
    server.post("/models/load", body)
    refused = server.post("/txt2vid", BASE | {"video_frames": 2}, expect=400)
    assert "makes images, not videos" in refused["error"]

    module = server.models_dir / "adapters" / "module.safetensors"
    module.parent.mkdir(exist_ok=True)
    module.symlink_to(build("lora_sd1").files["lora"])
    server.post("/models/load", body | {"motion_module": module.name})
    video = server.make("/txt2vid", **BASE, video_frames=2)
    assert len(frames(fetched(server, video))) == 2
    assert pixels(server, server.make("/txt2img", **BASE))
    long = server.post("/txt2vid", BASE | {"video_frames": 33}, expect=400)
    assert long["error"].startswith("video_frames: 33 is not allowed; at most 32")
