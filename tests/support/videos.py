"""Making videos and looking at them."""

import io
from typing import Any

import av

from tests.support.engine_structs import read_struct
from tests.support.running_server import RunningServer
from tests.support.server_setup import OPTIONS

LINGBOT: dict[str, Any] = {
    "model_name": "lingbot.gguf", "model_type": "diffusion", "llm": "qwen3.safetensors",
    "vae": "wan_vae.safetensors", "options": OPTIONS,
}  # fmt: skip
MINIT2I: dict[str, Any] = {
    "model_name": "minit2i.safetensors", "model_type": "diffusion", "t5xxl": "t5xxl.safetensors",
    "options": OPTIONS,
}  # fmt: skip
# The smallest that the architecture makes.
TINY: dict[str, Any] = {
    "prompt": "a cat in a garden", "width": 16, "height": 16, "video_frames": 1, "steps": 2,
    "cfg_scale": 1.0, "seed": 7,
}  # fmt: skip
STRUCT = "sd_vid_gen_params_t "


def film(server: RunningServer, **changed: Any) -> Any:
    """A tiny video, with these fields changed; the completed job."""
    return server.make("/txt2vid", **TINY | changed)


def fetched(server: RunningServer, job: dict[str, Any]) -> bytes:
    """The video as it is served."""
    answer = server.http.get(f"/output/{job['outputs'][0]}")
    assert answer.status_code == 200
    return answer.content


def frames(video: bytes) -> list[bytes]:
    """The pixels of every frame, one of which is alive: a video that went black shows nothing else."""
    with av.open(io.BytesIO(video), "r") as file:
        shown = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert any((frame != frame[0, 0]).any() for frame in shown), "each frame is of one single colour"
    return [frame.tobytes() for frame in shown]


def shot(server: RunningServer, **changed: Any) -> list[bytes]:
    """The frames of a tiny video."""
    return frames(fetched(server, film(server, **changed)))


def passed(server: RunningServer) -> dict[str, Any]:
    """The argument of the last call of generate_video, as the engine's process read it back."""
    lines = [line for line in server.log if STRUCT in line]
    return read_struct(lines[-1], STRUCT)
