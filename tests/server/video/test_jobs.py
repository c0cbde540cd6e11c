"""A video's way through the queue: refusals, warnings, progress, previews, cancelling."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support.api_document import answer, differences
from tests.support.images import as_base64, picture
from tests.support.running_server import RunningServer
from tests.support.videos import LINGBOT, MINIT2I, TINY, film

IMAGE = as_base64(picture(16, 16))


def refused(server: RunningServer, path: str = "/txt2vid", **changed: Any) -> str:
    """Why a request gets a 400."""
    return str(server.post(path, TINY | changed, expect=400)["error"])


def warned(server: RunningServer, **changed: Any) -> Any:
    """The warnings of an accepted request, and its parameters once it is completed."""
    accepted = server.post("/txt2vid", TINY | changed, expect=202)
    job = server.wait_for_job(accepted["job_id"])
    assert job["status"] == "completed"
    return accepted.get("warnings"), job["params"]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"video_frames": 0}, "video_frames"),
    ({"video_frames": 1026}, "1029 is not allowed; at most 1025 (setting limits.max_video_frames)"),
    ({"width": 4096, "height": 4096, "video_frames": 33}, "553648128 is not allowed; at most 536870912"),
    ({"fps": 0}, "fps"),
    ({"fps": 1000}, "fps"),
    ({"flow_shift": -1}, "flow_shift"),
    ({"high_noise_steps": -2}, "high_noise_steps"),
    ({"high_noise_steps": 2000}, "at most 1000 (setting limits.max_steps)"),
    ({"high_noise_sampler": "fastest"}, "must be one of euler, euler_a,"),
    ({"moe_boundary": 1.5}, "moe_boundary"),
    ({"strength": 2}, "strength"),
    ({"control_frames": [IMAGE] * 2}, "2 are not allowed; at most one for each of the 1 frames"),
    ({"control_frames": ["no"]}, "control_frames: not a readable image"),
    ({"end_image_base64": "no"}, "end_image_base64: not a readable image"),
    ({"control_frames": [IMAGE], "control_image_base64": IMAGE}, "are not allowed together"),
    ({"loras": [{"name": "missing"}]}, "LoRA not found"),
]


@pytest.mark.parametrize(("changed", "words"), REFUSED, ids=lambda given: str(given)[:60])
def test_a_bad_request_is_refused_in_words(
    server: RunningServer, changed: dict[str, Any], words: str
) -> None:
    assert words in refused(server, **changed)


def test_a_video_model_makes_no_images(server: RunningServer) -> None:
    for path in ("/txt2img", "/img2img"):
        why = refused(server, path, init_image_base64=IMAGE)
        assert why == "The model (LingBot Video) makes videos, not images: use /txt2vid"


def test_frames_and_size_are_rounded_up_with_a_warning(server: RunningServer) -> None:
    warnings, params = warned(server, width=17, video_frames=2, steps=1)
    assert (params["width"], params["video_frames"]) == (32, 5)
    assert warnings == [
        "size 17x16 was rounded up to 32x16: LingBot Video needs multiples of 16",
        "video_frames 2 was rounded up to 5: LingBot Video makes a multiple of 4, plus 1",
    ]


def test_fields_of_a_second_model_have_no_effect_without_one(server: RunningServer) -> None:
    warnings, _ = warned(server, high_noise_steps=4, moe_boundary=0.5)
    assert warnings == [
        "high_noise_steps, moe_boundary have no effect:"
        " the model was loaded without high_noise_diffusion_model"
    ]


def test_a_lora_for_a_second_model_has_no_effect_without_one(server: RunningServer) -> None:
    lora = {"loras": [{"name": "lora_lingbot", "high_noise": True}]}
    alone, _ = warned(server, **lora)
    assert alone == ["high-noise LoRAs: no effect, the model was loaded without high_noise_diffusion_model"]


def test_a_field_of_images_is_unknown(server: RunningServer) -> None:
    warnings, _ = warned(server, batch_count=2)
    assert warnings == ["unknown field 'batch_count' was ignored"]


def test_progress_counts_the_steps(server: RunningServer) -> None:
    with server.events() as events:
        job_id = server.submit("/txt2vid", **TINY | {"steps": 5})
        events.wait_for("job_status_changed", lambda d: d["job_id"] == job_id and d["status"] == "completed")
    told = [m["data"] for m in events.heard if m["event"] == "job_progress" and m["data"]["job_id"] == job_id]
    assert (told[-1]["step"], told[-1]["total_steps"], told[-1]["total_images"]) == (5, 5, 1)
    assert [data["step"] for data in told] == sorted({data["step"] for data in told})


@pytest.mark.parametrize(("mode", "count", "size"), [("proj", 2, (2, 2)), ("vae", 5, (16, 16))])
def test_a_preview_is_the_middle_one_of_as_many_frames_as_there_are(
    server: RunningServer, mode: str, count: int, size: tuple[int, int]
) -> None:
    server.http.put("/preview/settings", json={"mode": mode}).raise_for_status()
    with server.events() as events:
        job_id = server.submit("/txt2vid", **TINY | {"video_frames": 5})
        preview = events.wait_for("job_preview", lambda data: data["job_id"] == job_id)
        events.wait_for("job_status_changed", lambda d: d["job_id"] == job_id and d["status"] == "completed")
    server.http.put("/preview/settings", json={"mode": None}).raise_for_status()
    assert differences(answer("job_preview")["data"], preview) == []
    # Projected frames are those of the latents: the first, and one for each four more.
    assert (preview["frame_count"], preview["mode"]) == (count, mode)
    shown = Image.open(io.BytesIO(base64.b64decode(preview["image"].partition(",")[2])))
    assert shown.size == size == (preview["width"], preview["height"])


def test_a_running_video_is_cancelled_and_leaves_nothing_behind(server: RunningServer) -> None:
    with server.events() as events:
        job_id = server.submit("/txt2vid", **TINY | {"steps": 1000})
        events.wait_for("job_progress", lambda data: data["job_id"] == job_id and data["step"] > 0)
        assert server.http.delete(f"/queue/{job_id}").status_code == 200
        events.wait_for("job_cancelled", lambda data: data["job_id"] == job_id)
    film(server)
    left = [path.name for path in Path(server.output_dir).iterdir() if job_id in path.name]
    assert (server.get(f"/queue/{job_id}")["status"], left) == ("cancelled", [])


def test_input_images_are_kept_and_described(server: RunningServer) -> None:
    both = {"init_image_base64": IMAGE, "end_image_base64": IMAGE, "control_frames": [IMAGE] * 2}
    job = film(server, video_frames=5, steps=1, **both)
    job_id = job["job_id"]
    assert job["params"]["end_image_base64"] == f"input:{job_id}/end_image_base64"
    assert job["params"]["control_frames"] == [f"input:{job_id}/control_frames/{i}" for i in range(2)]
    stored = [(image["field"], image["width"]) for image in server.get(f"/queue/{job_id}")["inputs"]]
    assert sorted(stored) == [
        ("control_frames", 16), ("control_frames", 16), ("end_image_base64", 16), ("init_image_base64", 16),
    ]  # fmt: skip


@pytest.fixture
def reloaded(server: RunningServer) -> Iterator[RunningServer]:
    """The server, whose model a test may change."""
    yield server
    server.post("/models/load", LINGBOT)


def test_a_load_options_flow_shift_holds_for_videos_that_give_none(reloaded: RunningServer) -> None:
    reloaded.post("/models/load", {**LINGBOT, "options": {**LINGBOT["options"], "flow_shift": 7.0}})
    assert film(reloaded)["params"]["flow_shift"] == 7.0
    assert film(reloaded, flow_shift=2.0)["params"]["flow_shift"] == 2.0


def test_an_image_model_makes_no_videos(reloaded: RunningServer) -> None:
    reloaded.post("/models/load", MINIT2I)
    assert "makes images, not videos: use /txt2img or /img2img" in refused(reloaded)
