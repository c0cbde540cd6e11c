"""Wan, alone as the API document uses it, and as a pair: minutes, and gigabytes of random weights."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.proofs.cases import fields
from tests.support.api_document import blocks, curl_body
from tests.support.images import as_base64, picture
from tests.support.progress import watch
from tests.support.running_server import RunningServer
from tests.support.server_setup import OPTIONS
from tests.support.tiny_models import build
from tests.support.videos import TINY, fetched, frames

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]

# Both models have the same weights: what tells them apart is the sampler.
BASE = {**TINY, "high_noise_steps": 1, "high_noise_sampler": "euler_a"}
SHARE = {"steps": 4, "high_noise_steps": -1}
IMAGE = as_base64(picture(16, 16))
UNGUIDED = {"cfg_scale": 1.0, "high_noise_cfg_scale": 1.0}
CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "high_noise_cfg_scale": (UNGUIDED, {**UNGUIDED, "high_noise_cfg_scale": 6.0}),
    "high_noise_steps": ({}, {"high_noise_steps": 2}),
    "high_noise_sampler": ({}, {"high_noise_sampler": ""}),
    "moe_boundary": (SHARE, {**SHARE, "moe_boundary": 0.3}),
}


# With a VACE.
STEERED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "control_image_base64": ({}, {"control_image_base64": IMAGE}),
    "control_frames": ({}, {"control_frames": [IMAGE]}),
    "vace_strength": ({"control_frames": [IMAGE]}, {"control_frames": [IMAGE], "vace_strength": 0.3}),
    "init_image_base64": ({}, {"init_image_base64": IMAGE}),
}


@pytest.fixture(scope="module")
def root(root: Path) -> Path:
    """Wan under the document's names, a second copy as high-noise model."""
    names = {"t5xxl": "umt5-xxl-encoder-Q8_0.gguf", "vae": "wan_2.1_vae.safetensors"}
    build("wan").install(root / "models", "wan2.1_t2v_1.3B_fp16.safetensors", names)
    return root


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[RunningServer]:
    """Nothing is loaded yet."""
    with RunningServer(root) as running:
        running.http.timeout = 300
        yield running


def test_the_documents_video_is_made_word_for_word_apart_from_its_size(server: RunningServer) -> None:
    server.post("/models/load", curl_body("wan load"))
    small = {"width": 32, "height": 16, "video_frames": 5, "steps": 2}
    text = blocks("requests.md")["wan generate"]
    for name, value in small.items():
        text = re.sub(rf'"{name}": \d+', f'"{name}": {value}', text)
    body = json.loads(text[text.index("{") : text.rindex("}") + 1])
    assert body == curl_body("wan generate") | small
    job = server.wait_for_job(server.submit("/txt2vid", **body), seconds=600)
    assert job["status"] == "completed", job
    shown = frames(fetched(server, job))
    assert (len(shown), len(shown[0])) == (5, 32 * 16 * 3)


@pytest.fixture(scope="module")
def pair(server: RunningServer) -> RunningServer:
    """The server with a pair loaded."""
    body = curl_body("wan load")
    server.post(
        "/models/load", {**body, "options": OPTIONS, "high_noise_diffusion_model": body["model_name"]}
    )
    return server


@cache
def made(server: RunningServer, changed: str) -> tuple[dict[str, Any], list[bytes]]:
    """A job with these fields (as JSON) changed, and its frames."""
    job = server.wait_for_job(server.submit("/txt2vid", **BASE | json.loads(changed)), seconds=600)
    assert job["status"] == "completed", job
    return job, frames(fetched(server, job))


@pytest.mark.parametrize("name", fields("txt2vid", CHANGES))
def test_a_field_of_the_pair_changes_the_video(pair: RunningServer, name: str) -> None:
    one, other = (made(pair, json.dumps(changed))[1] for changed in CHANGES[name])
    assert one != other


def test_a_pair_that_is_asked_for_no_guidance_has_none(pair: RunningServer) -> None:
    job, shown = made(pair, json.dumps({}))
    assert (job["params"]["cfg_scale"], job["params"]["high_noise_cfg_scale"]) == (1.0, 1.0)
    assert shown == made(pair, json.dumps(UNGUIDED))[1]


def test_what_the_model_has_no_use_for_is_told_and_changes_nothing(pair: RunningServer) -> None:
    ineffective = {
        "init_image_base64": IMAGE, "end_image_base64": IMAGE, "strength": 0.2, "vace_strength": 0.5,
        "control_image_base64": IMAGE, "slg_scale": 3.0, "skip_layers": [0], "slg_start": 0.0, "slg_end": 1.0,
        "clip_skip": 2, "distilled_guidance": 9.0, "high_noise_distilled_guidance": 9.0, "moe_boundary": 0.3,
        "high_noise_slg_scale": 3.0, "high_noise_skip_layers": [0], "high_noise_slg_start": 0.0,
        "high_noise_slg_end": 1.0, "negative_prompt": "a dog",
    }  # fmt: skip
    job, shown = made(pair, json.dumps(ineffective))
    told = {field for warning in job["warnings"] for field in warning.partition(" ha")[0].split(", ")}
    assert told == set(ineffective)
    assert shown == made(pair, json.dumps({}))[1]


def test_progress_counts_the_steps_of_both_models(pair: RunningServer) -> None:
    before, _ = made(pair, json.dumps({}))
    share, _ = made(pair, json.dumps(SHARE))
    assert (before["progress"]["total_steps"], share["progress"]["total_steps"]) == (3, 4)


def test_the_progress_of_both_models_never_goes_back(pair: RunningServer) -> None:
    told, shown = watch(pair, "/txt2vid", 600, **BASE | {"steps": 3, "high_noise_steps": 3})
    assert (told, shown) == (sorted(told), sorted(shown))
    assert told[-1] == shown[-1] == 100.0


@pytest.fixture(scope="module")
def vace(server: RunningServer) -> RunningServer:
    """The server with a model that follows control frames."""
    server.post("/models/load", {**build("wan_vace").install(server.models_dir), "options": OPTIONS})
    return server


@cache
def steered(server: RunningServer, changed: str) -> tuple[list[str] | None, list[bytes]]:
    """Warnings and frames of a video with these fields (as JSON) changed."""
    job = server.wait_for_job(server.submit("/txt2vid", **TINY | json.loads(changed)), seconds=600)
    assert job["status"] == "completed", job
    return job.get("warnings"), frames(fetched(server, job))


@pytest.mark.parametrize("name", fields("txt2vid", STEERED))
def test_a_vace_is_steered_by_control_frames_and_a_reference(vace: RunningServer, name: str) -> None:
    (warnings, one), (more, other) = (steered(vace, json.dumps(changed)) for changed in STEERED[name])
    assert (warnings, more) == (None, None)
    assert one != other


def test_a_vace_takes_no_last_frame(vace: RunningServer) -> None:
    warnings, shown = steered(vace, json.dumps({"end_image_base64": IMAGE}))
    assert warnings == ["end_image_base64 has no effect: the model takes no last frame"]
    assert shown == steered(vace, json.dumps({}))[1]
