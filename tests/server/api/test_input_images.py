"""Input images: how they may be sent, and what is shown of them afterwards."""

import base64
import io
from typing import Any

import pytest
from PIL import Image

from tests.support.images import as_base64, encoded, picture
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import SHORT


def submit(server: RunningServer, image: str, **more: Any) -> dict[str, Any]:
    """The job of an image to image request that is accepted."""
    job_id = server.submit("/img2img", **SHORT, init_image_base64=image, **more)
    job: dict[str, Any] = server.get(f"/queue/{job_id}")
    return job


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_an_image_of_each_format_is_accepted(scripted: RunningServer, format: str) -> None:
    (stored,) = submit(scripted, as_base64(picture(40, 30), format))["inputs"]
    assert (stored["field"], stored["width"], stored["height"]) == ("init_image_base64", 40, 30)
    assert stored["bytes"] > 0


PLAIN = as_base64(picture(33, 21))


@pytest.mark.parametrize(
    "text",
    [
        f"data:image/png;base64,{PLAIN}",
        "\n".join(PLAIN[i : i + 76] for i in range(0, len(PLAIN), 76)),
        PLAIN.rstrip("="),
        base64.urlsafe_b64encode(encoded(picture(33, 21))).decode(),
        f"  {PLAIN}\r\n",
    ],
    ids=["data URL", "lines", "no padding", "URL-safe", "spaces around"],
)
def test_base64_is_accepted_as_clients_write_it(scripted: RunningServer, text: str) -> None:
    (stored,) = submit(scripted, text)["inputs"]
    assert (stored["width"], stored["height"]) == (33, 21)


@pytest.mark.parametrize("mode", ["RGBA", "L", "P", "1", "CMYK", "I;16"])
def test_a_picture_of_any_mode_is_accepted(scripted: RunningServer, mode: str) -> None:
    format = "JPEG" if mode == "CMYK" else "PNG"
    image = Image.new(mode, (8, 8)) if mode == "I;16" else picture(8, 8, mode)
    (stored,) = submit(scripted, as_base64(image, format))["inputs"]
    assert (stored["width"], stored["height"]) == (8, 8)


def test_the_first_frame_of_an_animation_is_taken(scripted: RunningServer) -> None:
    buffer = io.BytesIO()
    picture(20, 10).save(buffer, "GIF", save_all=True, append_images=[picture(20, 10, "L")])
    (stored,) = submit(scripted, base64.b64encode(buffer.getvalue()).decode())["inputs"]
    assert (stored["width"], stored["height"]) == (20, 10)


def test_a_photograph_is_turned_as_its_camera_says(scripted: RunningServer) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    buffer = io.BytesIO()
    picture(40, 20).save(buffer, "JPEG", exif=exif)
    (stored,) = submit(scripted, base64.b64encode(buffer.getvalue()).decode())["inputs"]
    assert (stored["width"], stored["height"]) == (20, 40)


def test_an_image_never_comes_back_as_base64(scripted: RunningServer) -> None:
    job = submit(scripted, PLAIN, mask_image_base64=as_base64(mask := picture(8, 8, "L")))
    assert mask.mode == "L"
    job_id = job["job_id"]
    assert job["params"]["init_image_base64"] == f"input:{job_id}/init_image_base64"
    assert job["params"]["mask_image_base64"] == f"input:{job_id}/mask_image_base64"
    assert PLAIN[:40] not in scripted.http.get("/queue").text
    assert {stored["field"] for stored in job["inputs"]} == {"init_image_base64", "mask_image_base64"}


def test_reference_images_are_listed_in_order(scripted: RunningServer) -> None:
    images = [as_base64(picture(side, side)) for side in (8, 16, 24)]
    job = scripted.get(f"/queue/{scripted.submit(**SHORT, ref_images=images)}")
    assert job["params"]["ref_images"] == [f"input:{job['job_id']}/ref_images/{i}" for i in range(3)]
    assert [stored["width"] for stored in job["inputs"]] == [8, 16, 24]


def test_a_stored_jobs_params_are_a_valid_request_with_the_same_image(scripted: RunningServer) -> None:
    first = submit(scripted, PLAIN)
    second_id = scripted.post("/img2img", first["params"], expect=202)["job_id"]
    second = scripted.get(f"/queue/{second_id}")
    assert second["inputs"] == first["inputs"]
    assert second["params"]["init_image_base64"] == f"input:{second_id}/init_image_base64"


def test_a_job_without_images_shows_no_inputs(scripted: RunningServer) -> None:
    assert "inputs" not in scripted.get(f"/queue/{scripted.submit(**SHORT)}")


CLEAR = as_base64(Image.new("RGBA", (16, 16), (0, 255, 0, 0)))
WHITE = "its transparent parts were made white"
NO_BRIGHT = "nothing in it is bright, so what is not transparent counts as white"


@pytest.mark.parametrize(
    ("kind", "given", "told"),
    [
        ("img2img", {"init_image_base64": CLEAR}, [f"init_image_base64: {WHITE}"]),
        (
            "img2img",
            {"init_image_base64": PLAIN, "mask_image_base64": CLEAR},
            [f"mask_image_base64: {NO_BRIGHT}"],
        ),
        ("txt2img", {"ref_images": [PLAIN, CLEAR]}, [f"ref_images: {WHITE}"]),
    ],
)
def test_what_is_done_to_an_image_is_told_in_the_answer_the_plan_the_job_and_its_config(
    scripted: RunningServer, kind: str, given: dict[str, Any], told: list[str]
) -> None:
    body = {**SHORT, **given}
    accepted = scripted.post(f"/{kind}", body, expect=202)
    assert accepted["warnings"] == told
    assert scripted.post(f"/plan?type={kind}", body)["warnings"] == told
    job = scripted.wait_for_job(accepted["job_id"])
    assert job["warnings"][: len(told)] == told
    assert scripted.get(f"/output/{job['job_id']}/config.json")["warnings"] == job["warnings"]


BOMB = Image.new("1", (9000, 9000))


def refuse(server: RunningServer, image: str) -> str:
    body = {**SHORT, "init_image_base64": image}
    return str(server.post("/img2img", body, expect=400)["error"])


def test_a_decompression_bomb_is_refused_with_its_size_and_the_limit(scripted: RunningServer) -> None:
    error = refuse(scripted, as_base64(BOMB))
    for word in ("init_image_base64", "9000x9000", "64000000", "limits.max_image_pixels"):
        assert word in error


@pytest.mark.parametrize(
    "data",
    [
        encoded()[:100],
        encoded(format="JPEG")[:200],
        b"\x89PNG\r\n\x1a\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        encoded(format="TIFF"),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        bytes(1000),
    ],
    ids=["cut PNG", "cut JPEG", "PNG head", "SVG", "TIFF", "EPS", "zeros"],
)
def test_what_is_not_a_whole_picture_of_an_allowed_format_is_refused(
    scripted: RunningServer, data: bytes
) -> None:
    error = refuse(scripted, base64.b64encode(data).decode())
    assert error == "init_image_base64: not a readable image; allowed are PNG, JPEG, WEBP, BMP, GIF"


@pytest.mark.parametrize(
    "reference",
    [
        "input:../../etc/passwd/x",
        "input:00000000-0000-4000-8000-000000000000/init_image_base64",
        "input:",
    ],
)
def test_a_reference_to_nothing_is_refused(scripted: RunningServer, reference: str) -> None:
    assert refuse(scripted, reference).startswith("init_image_base64: ")


def test_a_refused_request_leaves_no_inputs_behind(scripted: RunningServer) -> None:
    folder = scripted.data_dir / "inputs"
    before = set(folder.iterdir()) if folder.exists() else set()
    body = {**SHORT, "init_image_base64": PLAIN, "mask_image_base64": "x"}
    scripted.post("/img2img", body, expect=400)
    assert (set(folder.iterdir()) if folder.exists() else set()) == before


def test_a_control_image_without_a_controlnet_is_accepted_with_a_warning(scripted: RunningServer) -> None:
    answer = scripted.post("/txt2img", SHORT | {"control_image_base64": as_base64()}, expect=202)
    assert answer["warnings"] == [
        "control_image_base64 has no effect: the model was loaded without a ControlNet"
    ]
