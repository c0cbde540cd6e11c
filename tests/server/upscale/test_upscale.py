"""POST /upscale with the real engine, without a main model."""

import json
from typing import Any

import psutil
import pytest
from PIL import Image

from tests.server.upscale.conftest import ESRGAN, load_upscaler, noise
from tests.support.images import as_base64
from tests.support.outputs import opened
from tests.support.running_server import RunningServer


@pytest.mark.proves("upscale.image_base64")
def test_a_picture_becomes_four_times_larger(server: RunningServer) -> None:
    job = server.make("/upscale", image_base64=noise(24, 16))
    assert job["type"] == "upscale"
    assert job["outputs"] == [f"{job['job_id']}/image_0.png"]
    assert job["upscaler"] == ESRGAN
    assert "model" not in job
    picture = opened(server, job)
    assert picture.size == (96, 64)
    assert len(picture.getcolors(100_000) or []) > 100


def test_transparent_parts_are_enlarged_beside_the_picture(server: RunningServer) -> None:
    image = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 8, 16))
    body = {"image_base64": as_base64(image), "upscale_factor": 4}
    answer = server.post("/upscale", body, expect=202)
    assert "warnings" not in answer
    made = opened(server, server.wait_for_job(answer["job_id"]))
    alpha = made.getchannel("A")
    assert (made.mode, made.size) == ("RGBA", (64, 64))
    assert [alpha.getpixel((x, 32)) for x in (10, 54)] == [255, 0]
    opaque = server.make("/upscale", image_base64=as_base64(image.convert("RGB")))
    assert opened(server, opaque).tobytes() == made.convert("RGB").tobytes()


def test_the_stored_job_shows_its_request_and_its_input(server: RunningServer) -> None:
    job = server.make("/upscale", image_base64=noise(12, 10))
    assert job["params"] == {
        "image_base64": f"input:{job['job_id']}/image_base64",
        "upscale_factor": 4,
        "tile_size": 128,
        "repeats": 1,
        "priority": 0,
        "preempt": False,
    }
    assert [(i["field"], i["width"], i["height"]) for i in job["inputs"]] == [("image_base64", 12, 10)]
    again = server.make("/upscale", **job["params"])
    assert opened(server, again).tobytes() == opened(server, job).tobytes()


def test_config_json_names_the_upscaler(server: RunningServer) -> None:
    job = server.make("/upscale", image_base64=noise(8, 8))
    config = json.loads((server.output_dir / job["job_id"] / "config.json").read_text())
    assert config["type"] == "upscale"
    assert config["model"]["model_name"] == ESRGAN
    assert config["params"]["upscale_factor"] == 4


def test_the_png_says_how_it_was_made(server: RunningServer) -> None:
    job = server.make("/upscale", image_base64=noise(8, 8), repeats=2)
    assert opened(server, job).info["parameters"] == (
        f"Postprocess upscale by: 4, Postprocess upscale repeats: 2, Postprocess upscaler: {ESRGAN}"
    )


@pytest.mark.proves("upscale.upscale_factor")
@pytest.mark.parametrize("factor", [1, 2, 3, 8])
def test_another_factor_is_reached_by_resizing_what_the_model_makes(
    server: RunningServer, factor: int
) -> None:
    own = opened(server, server.make("/upscale", image_base64=noise(12, 8)))
    other = opened(server, server.make("/upscale", image_base64=noise(12, 8), upscale_factor=factor))
    assert other.size == (12 * factor, 8 * factor)
    assert other.tobytes() == own.resize(other.size, Image.Resampling.LANCZOS).tobytes()


@pytest.mark.proves("upscale.repeats")
def test_each_repeat_multiplies(server: RunningServer) -> None:
    assert opened(server, server.make("/upscale", image_base64=noise(6, 5), repeats=2)).size == (96, 80)
    job = server.make("/upscale", image_base64=noise(6, 5), repeats=3, upscale_factor=2)
    assert opened(server, job).size == (48, 40)


@pytest.mark.proves("upscale.tile_size")
def test_the_tile_size_decides_how_many_steps_the_job_has(server: RunningServer) -> None:
    def steps(**params: Any) -> int:
        return int(server.make("/upscale", image_base64=noise(40, 20), **params)["progress"]["total_steps"])

    assert steps() == 1
    assert steps(tile_size=32) == 2  # 24 of 32 pixels are kept of each
    assert steps(tile_size=32, repeats=2, upscale_factor=1) == 4


def test_a_tiled_picture_is_nearly_the_untiled_one(server: RunningServer) -> None:
    whole = opened(server, server.make("/upscale", image_base64=noise(40, 36)))
    tiled = opened(server, server.make("/upscale", image_base64=noise(40, 36), tile_size=32))
    assert tiled.size == whole.size
    pairs = zip(whole.tobytes(), tiled.tobytes(), strict=True)
    differences = [abs(a - b) for a, b in pairs]
    assert sum(differences) / len(differences) < 2


def test_every_tile_is_told(server: RunningServer) -> None:
    with server.events() as events:
        job_id = server.submit("/upscale", image_base64=noise(40, 40), tile_size=32)
        last = events.wait_for(
            "job_progress", lambda data: data["job_id"] == job_id and data["step"] == data["total_steps"]
        )
    assert last["total_steps"] == 4
    assert last["percentage"] == 100.0
    assert server.wait_for_job(job_id)["status"] == "completed"


@pytest.mark.proves("upscaler_load.tile_size")
def test_the_tile_size_of_the_load_is_the_default_of_jobs(server: RunningServer) -> None:
    load_upscaler(server, tile_size=32)
    try:
        job = server.make("/upscale", image_base64=noise(40, 20))
        assert job["params"]["tile_size"] == 32
        assert job["progress"]["total_steps"] == 2
    finally:
        load_upscaler(server)


def test_a_running_job_is_cancelled_between_two_tiles_and_leaves_nothing(server: RunningServer) -> None:
    with server.events() as events:
        job_id = server.submit("/upscale", image_base64=noise(640, 640), tile_size=32)
        events.wait_for("job_progress", lambda data: data["job_id"] == job_id)
        (child,) = psutil.Process(server.process.pid).children()
        assert server.http.delete(f"/queue/{job_id}").status_code == 200
        after = server.make("/upscale", image_base64=noise(8, 8))
    assert server.get(f"/queue/{job_id}")["status"] == "cancelled"
    assert child.is_running()  # the engine stopped by itself
    assert {path.name for path in server.output_dir.iterdir()} >= {after["job_id"]}
    assert not [path for path in server.output_dir.iterdir() if job_id in path.name]


def test_an_engine_killed_in_the_middle_of_a_job_does_it_again(server: RunningServer) -> None:
    with server.events() as events:
        job_id = server.submit("/upscale", image_base64=noise(72, 72), tile_size=32)
        events.wait_for("job_progress", lambda data: data["job_id"] == job_id)
        (child,) = psutil.Process(server.process.pid).children()
        child.kill()
    job = server.wait_for_job(job_id)
    assert job["status"] == "completed"
    assert opened(server, job).size == (288, 288)


def test_a_factor_that_is_not_given_and_fits_gives_no_warning(server: RunningServer) -> None:
    answer = server.post("/upscale", {"image_base64": noise(8, 8)}, expect=202)
    assert "warnings" not in answer


def test_a_picture_that_would_become_too_large_is_refused(server: RunningServer) -> None:
    refused = server.post("/upscale", {"image_base64": noise(64, 64), "repeats": 4}, expect=400)
    assert "16384x16384" in refused["error"]
    assert "limits.max_pixels" in refused["error"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "image_base64 is required"),
        ({"image_base64": "!"}, "not valid base64"),
        ({"image_base64": "aGVsbG8="}, "not a readable image"),
        ({"image_base64": "input:00000000-0000-0000-0000-000000000000/image_base64"}, "not a stored input"),
        ({"image_base64": noise(8, 8), "upscale_factor": 0}, "upscale_factor"),
        ({"image_base64": noise(8, 8), "upscale_factor": 2.5}, "upscale_factor"),
        ({"image_base64": noise(8, 8), "tile_size": 4}, "tile_size"),
        ({"image_base64": noise(8, 8), "repeats": 0}, "repeats"),
        ({"image_base64": noise(8, 8), "repeats": 9}, "repeats"),
    ],
)
def test_a_bad_request_is_refused_naming_the_field(
    server: RunningServer, body: dict[str, object], words: str
) -> None:
    assert words in server.post("/upscale", body, expect=400)["error"]


def test_unknown_fields_are_reported(server: RunningServer) -> None:
    answer = server.post("/upscale", {"image_base64": noise(8, 8), "colour": "red"}, expect=202)
    assert answer["warnings"] == ["unknown field 'colour' was ignored"]
