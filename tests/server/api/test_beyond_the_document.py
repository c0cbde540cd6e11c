"""Fields that the API document does not have: second pass, caches, tiling, formats, partial batches."""

from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from sdcpp_restapi.outputs import generation_info
from sdcpp_restapi.outputs.generation_info import GenerationInfo
from tests.proofs.cases import pairs
from tests.support.images import as_base64, picture
from tests.support.outputs import image_file, opened, pixels
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

BASE: dict[str, Any] = {
    "prompt": "a cat", "width": 32, "height": 32, "steps": 4, "cfg_scale": 1.0, "seed": 7, "sampler": "euler",
}  # fmt: skip
INIT = as_base64(picture())
# Enough steps for a cache to skip some.
LONG = {"steps": 12}
EASY = {**LONG, "cache_mode": "easycache", "cache_threshold": 50.0}
BLOCKS = {**LONG, "cache_mode": "dbcache"}
SPECTRUM = {**LONG, "cache_mode": "spectrum"}
HIRES = {"hires": True, "hires_strength": 0.5, "steps": 2}

SERVER = ServerSetup(models=[("esrgan", "enlarger.safetensors")], loads=["flux_schnell"])


@pytest.fixture(scope="module")
def shot(server: RunningServer) -> Callable[[dict[str, Any]], bytes]:
    """The pixels that a request makes; several tests compare with the same ones."""
    kept: dict[str, bytes] = {}

    def take(changed: dict[str, Any]) -> bytes:
        if repr(changed) not in kept:
            kept[repr(changed)] = pixels(server, server.make(**BASE | changed))
        return kept[repr(changed)]

    return take


@pytest.mark.parametrize(
    ("one", "other"),
    pairs("txt2img", [
        ({}, {"circular_x": True}),
        ({}, {"circular_y": True}),
        (LONG, EASY),
        (EASY, EASY | {"cache_threshold": 0.0}),
        (EASY, EASY | {"cache_start": 0.6}),
        (EASY, EASY | {"cache_end": 0.4}),
        (LONG, BLOCKS),
        (LONG, LONG | {"cache_mode": "taylorseer"}),
        (LONG, LONG | {"cache_mode": "cache-dit"}),
        (BLOCKS, BLOCKS | {"cache_residual_diff_threshold": 0.0}),
        (LONG, SPECTRUM),
        (SPECTRUM, SPECTRUM | {"cache_spectrum_w": 0.9}),
        (SPECTRUM, SPECTRUM | {"cache_spectrum_m": 5}),
        (SPECTRUM, SPECTRUM | {"cache_spectrum_lam": 0.1}),
        (SPECTRUM, SPECTRUM | {"cache_spectrum_window_size": 4}),
        (SPECTRUM, SPECTRUM | {"cache_spectrum_flex_window": 0.0}),
        (SPECTRUM, SPECTRUM | {"cache_spectrum_warmup_steps": 8}),
        (SPECTRUM, SPECTRUM | {"cache_spectrum_stop_percent": 0.5}),
        ({"width": 64, "height": 64, "steps": 2}, HIRES),
        (HIRES, HIRES | {"hires_upscaler": "Latent (nearest)"}),
        (HIRES, HIRES | {"hires_upscaler": "lanczos"}),
        (HIRES, HIRES | {"hires_steps": 4}),
        (HIRES, HIRES | {"hires_strength": 0.2}),
        (HIRES, HIRES | {"hires_custom_sigmas": [0.5, 0.2, 0.0]}),
    ]),
)  # fmt: skip
def test_a_field_changes_the_picture(
    shot: Callable[[dict[str, Any]], bytes], one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert shot(one) != shot(other)


@pytest.mark.proves("txt2img.cache_fn_compute_blocks", "txt2img.cache_bn_compute_blocks")
def test_the_blocks_of_a_cache_decide_how_often_it_is_used(server: RunningServer) -> None:
    fields = BASE | BLOCKS | {"cache_residual_diff_threshold": 0.4}
    counted = [{}, {"cache_fn_compute_blocks": 50}, {"cache_bn_compute_blocks": 20}]
    skipped = [_skipped(server, **fields | blocks) for blocks in counted]
    assert skipped[1] > skipped[0] > skipped[2]


def _skipped(server: RunningServer, **fields: Any) -> int:
    """How many steps the engine's log says a cache saved."""
    seen = len(server.log)
    server.make(**fields)
    told = [line for line in server.log[seen:] if "CacheDIT skipped" in line]
    return int(told[-1].split("skipped ")[1].split("/")[0]) if told else 0


@pytest.mark.parametrize(
    ("size", "made"),
    [
        pytest.param({"hires_scale": 1.25}, (40, 40), marks=pytest.mark.proves("txt2img.hires_scale")),
        pytest.param({"hires_width": 48}, (48, 48), marks=pytest.mark.proves("txt2img.hires_width")),
        pytest.param(
            {"hires_width": 37, "hires_height": 64, "hires_scale": 9},
            (40, 64),
            marks=pytest.mark.proves("txt2img.hires_height"),
        ),
    ],
)
def test_the_second_pass_makes_the_size_that_is_asked_for(
    server: RunningServer, size: dict[str, Any], made: tuple[int, int]
) -> None:
    job = server.make(**BASE | HIRES | size)
    assert opened(server, job).size == made
    assert (job["params"]["hires_width"], job["params"]["hires_height"]) == made
    assert "Size: 32x32" in opened(server, job).info["parameters"]
    assert f"Hires resize: {made[0]}x{made[1]}" in opened(server, job).info["parameters"]


@pytest.mark.proves("txt2img.hires_model", "txt2img.hires_tile_size")
def test_an_esrgan_enlarges_for_the_second_pass_tile_by_tile(server: RunningServer) -> None:
    model = {"hires_upscaler": "model", "hires_model": "enlarger.safetensors", "hires_width": 64}
    fields = BASE | HIRES | model | {"width": 40, "height": 40}
    whole, tiled = (server.make(**fields, hires_tile_size=side) for side in (128, 32))
    assert server.wait_for_log("loading model upscaler from '.*enlarger.safetensors'")
    assert opened(server, whole).size == (64, 64)
    assert pixels(server, whole) != pixels(server, tiled)


def test_steps_are_counted_over_both_passes_and_never_fall_back(server: RunningServer) -> None:
    # Tiles of the VAE count for themselves, in the same callback.
    tiles = {"vae_tiling": True, "vae_tile_size_x": 4, "vae_tile_size_y": 4, "hires_upscaler": "lanczos"}
    told = _progress(server, **BASE | HIRES | tiles | {"hires_steps": 3, "batch_count": 2})
    # At strength 0.5 the engine schedules 6 steps for the 3 and does the last 4.
    assert {one["total_steps"] for one in told} == {2 + 4}
    _climbs_to_the_end(told, images=2)


def test_steps_go_on_while_images_are_enlarged(server: RunningServer) -> None:
    server.post("/upscaler/load", {"model_name": "enlarger.safetensors", "n_threads": 1, "tile_size": 32})
    told = _progress(server, **BASE | {"steps": 2, "batch_count": 2, "width": 40, "upscale": True})
    assert {one["total_steps"] for one in told} == {2 + 2}
    _climbs_to_the_end(told, images=2)


def _progress(server: RunningServer, **fields: Any) -> list[dict[str, Any]]:
    """What was told of a job that completed; the server leaves out what comes within a tenth of a second."""
    with server.events() as events:
        job_id = server.submit(**fields)
        events.wait_for("job_status_changed", lambda data: data["status"] == "completed")
        return [
            one["data"] for one in events.heard
            if one["event"] == "job_progress" and one["data"]["job_id"] == job_id
        ]  # fmt: skip


def _climbs_to_the_end(told: list[dict[str, Any]], images: int) -> None:
    done = [one["current_all_steps"] for one in told]
    assert done == sorted(set(done))
    assert (told[-1]["percentage"], told[-1]["all_steps"]) == (100.0, images * told[-1]["total_steps"])
    for one in told:
        assert one["current_all_steps"] == one["current_image"] * one["total_steps"] + one["step"]


@pytest.mark.parametrize("endpoint", ["txt2img", "img2img"])
@pytest.mark.parametrize(("chosen", "suffix", "type"), [("jpeg", "jpg", "JPEG"), ("WebP", "webp", "WEBP")])
@pytest.mark.proves("txt2img.output_format", "img2img.output_format")
def test_a_picture_is_written_in_the_format_that_is_asked_for_with_its_text(
    server: RunningServer, endpoint: str, chosen: str, suffix: str, type: str
) -> None:
    start = {"init_image_base64": INIT} if endpoint == "img2img" else {}
    job = server.make(f"/{endpoint}", **BASE | start | {"prompt": "a cät", "output_format": chosen})
    assert job["outputs"] == [f"{job['job_id']}/image_0.{suffix}"]
    assert (opened(server, job).format, opened(server, job).size) == (type, (32, 32))
    assert generation_info.read_picture(server.output_dir / job["outputs"][0]) == GenerationInfo("a cät", 7)
    answer = server.http.get(f"/thumb/{job['outputs'][0]}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert "a cät" in server.http.get(f"/output/{job['job_id']}/").text


def test_jpeg_and_webp_are_close_to_the_png(server: RunningServer) -> None:
    png, *others = (server.make(**BASE | {"output_format": one}) for one in ("png", "jpeg", "webp"))
    exact = pixels(server, png)
    for job in others:
        lossy = opened(server, job).convert("RGB").tobytes()
        assert sum(abs(a - b) for a, b in zip(exact, lossy, strict=True)) / len(exact) < 20


def test_a_text_that_is_too_long_for_a_jpeg_is_left_out(server: RunningServer) -> None:
    long = {"prompt": "a cat " * 3300, "negative_prompt": "a dog " * 3300}
    job = server.make(**BASE | long | {"output_format": "jpeg", "steps": 1})
    assert image_file(server, job)[:2] == b"\xff\xd8"
    assert not opened(server, job).getexif().get_ifd(0x8769)


@pytest.mark.parametrize("endpoint", ["txt2img", "img2img"])
@pytest.mark.proves("txt2img.keep_finished", "img2img.keep_finished")
def test_a_cancelled_batch_keeps_its_finished_images_when_asked_to(
    server: RunningServer, endpoint: str
) -> None:
    start = {"init_image_base64": INIT} if endpoint == "img2img" else {}
    fields = BASE | start | {"batch_count": 50, "keep_finished": True}
    with server.events() as events:
        job_id = server.submit(f"/{endpoint}", **fields)
        events.wait_for("job_progress", lambda data: data["job_id"] == job_id and data["current_image"] == 2)
        assert server.http.delete(f"/queue/{job_id}").status_code == 200
        kept = events.wait_for("job_status_changed", lambda data: data["outputs"])
    assert (kept["status"], kept["previous_status"]) == ("cancelled", "cancelled")
    job = server.get(f"/queue/{job_id}")
    assert (job["status"], job["partial"], job["outputs"]) == ("cancelled", True, kept["outputs"])
    assert 2 <= len(job["outputs"]) < 50
    config = server.get(f"/output/{job_id}/config.json")
    assert config["seeds"] == [7 + number for number in range(len(job["outputs"]))]
    single = server.make(f"/{endpoint}", **fields | {"batch_count": 1, "seed": 8, "keep_finished": False})
    assert pixels(server, job, 1) == pixels(server, single)
    assert "partial" not in single


def test_a_cancelled_batch_keeps_nothing_unless_asked_to(server: RunningServer) -> None:
    with server.events() as events:
        job_id = server.submit(**BASE | {"batch_count": 50})
        events.wait_for("job_progress", lambda data: data["job_id"] == job_id and data["current_image"] == 1)
        server.http.delete(f"/queue/{job_id}")
    server.make(**BASE | {"steps": 1})
    job = server.get(f"/queue/{job_id}")
    assert (job["status"], job["outputs"]) == ("cancelled", [])
    assert "partial" not in job
    assert not (server.output_dir / job_id).exists()


def test_a_batch_that_keeps_what_is_finished_is_the_same_as_another(server: RunningServer) -> None:
    one, other = (server.make(**BASE | {"batch_count": 2, "keep_finished": keeps}) for keeps in (True, False))
    assert [pixels(server, one, i) for i in (0, 1)] == [pixels(server, other, i) for i in (0, 1)]


SQUARE = Image.new("RGB", (64, 64))
SQUARE.paste((255, 255, 255), (16, 16, 48, 48))
SQUARE.paste((90, 90, 90), (30, 30, 36, 36))
CANNY = {
    "control_image_base64": as_base64(SQUARE), "control_preprocess": "canny", "return_control": True,
    "width": 64, "height": 64, "steps": 1,
}  # fmt: skip
CONTROL_FIELDS = ("control_preprocess", "canny_low", "canny_high", "return_control")


@pytest.mark.parametrize(
    ("path", "more"),
    [
        pytest.param(
            f"/{endpoint}",
            more,
            marks=pytest.mark.proves(*(f"{endpoint}.{field}" for field in CONTROL_FIELDS)),
        )
        for endpoint, more in {"txt2img": {}, "img2img": {"init_image_base64": INIT}}.items()
    ],
)
def test_the_edges_of_a_control_image_are_found_and_returned(
    server: RunningServer, path: str, more: dict[str, str]
) -> None:
    def find(**changed: Any) -> Image.Image:
        job = server.make(path, **BASE | CANNY | more | changed)
        assert [file.partition("/")[2] for file in job["outputs"]] == ["image_0.png", "control_0.png"]
        return opened(server, job, 1)

    edges = find()
    assert {colour for _, colour in edges.getcolors() or []} == {(0, 0, 0), (255, 255, 255)}
    assert edges.crop((20, 20, 26, 26)).getbbox() is None  # nothing inside of the square
    assert edges.crop((12, 24, 20, 28)).getbbox() is not None  # but at its side
    assert find(control_preprocess="").tobytes() == SQUARE.tobytes()
    assert find(canny_high=0.9, canny_low=1.0).tobytes() != edges.tobytes()
    assert find(canny_high=0.9, canny_low=0.1).tobytes() != find(canny_high=0.9, canny_low=1.0).tobytes()


def test_a_control_image_that_nobody_sees_is_not_preprocessed_in_silence(server: RunningServer) -> None:
    job = server.make(**BASE | CANNY | {"return_control": False})
    assert {*job["warnings"]} == {
        "control_preprocess has no effect: the model was loaded without a ControlNet",
        "control_image_base64 has no effect: the model was loaded without a ControlNet",
    }
    assert job["outputs"] == [f"{job['job_id']}/image_0.png"]
    alone = server.make(**BASE | {"control_preprocess": "canny", "canny_low": 0.5, "return_control": True})
    told = {field for warning in alone["warnings"] for field in warning.partition(" ha")[0].split(", ")}
    assert told == {"control_preprocess", "canny_low", "return_control"}
