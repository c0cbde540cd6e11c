"""Fields that are told to do nothing change no byte of the picture: all of them at once."""

from typing import Any

import pytest

from tests.support.images import as_base64, picture
from tests.support.outputs import pixels
from tests.support.running_server import RunningServer
from tests.support.server_setup import OPTIONS, ServerSetup
from tests.support.tiny_models import build

SERVER = ServerSetup()

BASE: dict[str, Any] = {
    "prompt": "a cat", "width": 64, "height": 64, "steps": 3, "cfg_scale": 1.0, "seed": 7, "sampler": "euler",
}  # fmt: skip
IMAGE = as_base64(picture(64, 64))
OUT_OF_PLACE: dict[str, Any] = {
    "negative_prompt": "a dog", "eta": 0.5, "shifted_timestep": 250, "control_image_base64": IMAGE,
    "control_strength": 0.3, "pm_id_images": [IMAGE], "pm_style_strength": 50, "vae_tile_size_x": 4,
    "vae_tile_size_y": 4, "vae_tile_overlap": 0.25, "easycache_threshold": 5.0, "easycache_start": 0.3,
    "easycache_end": 0.5, "cache_threshold": 5.0, "cache_start": 0.3, "cache_end": 0.5,
    "cache_error_decay_rate": 0.5, "cache_residual_diff_threshold": 0.5, "cache_spectrum_w": 0.5,
    "hires_scale": 1.5, "hires_steps": 2, "hires_strength": 0.4, "hires_tile_size": 64,
    "upscale_repeats": 2, "upscale_auto_unload": False, "slg_start": 0.0, "slg_end": 1.0,
}  # fmt: skip
"""Of no use to any of these models, or without other fields."""
GUIDANCE = {"distilled_guidance": 9.0}
CLIP = {"clip_skip": 2}
SKIPPED = {"slg_scale": 3.0, "skip_layers": [0]}
REFERENCES = {"ref_images": [IMAGE], "increase_ref_index": True, "auto_resize_ref_image": False}
OTHER_CACHE = {"cache_mode": "ucache"}

VAIN: dict[str, dict[str, Any]] = {
    "minit2i": {
        **GUIDANCE, **CLIP, **SKIPPED, **REFERENCES, **OTHER_CACHE,
        "scheduler": "exponential", "vae_tiling": True, "circular_x": True, "circular_y": True,
    },
    "flux_schnell": {**GUIDANCE, **CLIP, **OTHER_CACHE},
    "zimage": {**GUIDANCE, **CLIP, **SKIPPED, **OTHER_CACHE},
    "sd1": {**GUIDANCE, **SKIPPED, **REFERENCES, "cache_mode": "taylorseer"},
    "sd3": {**GUIDANCE, **REFERENCES, **OTHER_CACHE},
    "qwen_image": {**GUIDANCE, **CLIP, **SKIPPED, **OTHER_CACHE},
}  # fmt: skip
"""Kind of tiny model -> what else does nothing on it."""
LARGE = ("sd1", "sd3", "qwen_image")


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.heavy if kind in LARGE else ()) for kind in VAIN]
)
def test_what_has_no_effect_on_a_model_is_told_and_changes_nothing(server: RunningServer, kind: str) -> None:
    server.post("/models/load", {**build(kind).install(server.models_dir), "options": OPTIONS})
    ineffective = {**OUT_OF_PLACE, **VAIN[kind]}
    accepted = server.post("/txt2img", {**BASE, **ineffective}, expect=202)
    told = {field for warning in accepted["warnings"] for field in warning.partition(" ha")[0].split(", ")}
    job = server.wait_for_job(accepted["job_id"])
    assert told == set(ineffective)
    assert job["warnings"] == accepted["warnings"]
    assert pixels(server, job) == pixels(server, server.make(**BASE))


@pytest.mark.parametrize(("steps", "acts"), [(4, False), (20, True)])
def test_layers_are_skipped_in_the_steps_that_the_shares_leave(
    server: RunningServer, steps: int, acts: bool
) -> None:
    server.post("/models/load", {**build("flux_schnell").install(server.models_dir), "options": OPTIONS})
    base = BASE | {"steps": steps, "width": 16, "height": 16}
    skipping = server.post("/txt2img", {**base, **SKIPPED}, expect=202)
    assert ("warnings" not in skipping) is acts
    made = pixels(server, server.wait_for_job(skipping["job_id"]))
    assert (made != pixels(server, server.make(**base))) is acts
