"""img2img and inpainting, on the tiny SD1.5 with a VAE that can encode."""

from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from tests.proofs.cases import changes
from tests.support.images import as_base64, picture
from tests.support.outputs import opened, pixels
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

BASE: dict[str, Any] = {
    "prompt": "a cat", "width": 64, "height": 64, "steps": 2, "cfg_scale": 2.0, "seed": 7, "sampler": "euler",
}  # fmt: skip
INIT = as_base64(picture())

SERVER = ServerSetup(models=["lora_sd1"], loads=["sd1_vae"])


def make(server: RunningServer, **more: Any) -> dict[str, Any]:
    job: dict[str, Any] = server.make("/img2img", **BASE | {"init_image_base64": INIT} | more)
    return job


@pytest.fixture(scope="module")
def base(server: RunningServer) -> bytes:
    return pixels(server, make(server, strength=0.75))


def half_mask() -> Image.Image:
    """Black (keep) on the left, white (repaint) on the right."""
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (32, 0, 64, 64))
    return mask


def test_the_same_request_gives_the_same_picture(server: RunningServer, base: bytes) -> None:
    job = make(server)
    assert job["params"]["strength"] == 0.75
    assert pixels(server, job) == base


@pytest.mark.parametrize(
    "changed",
    changes("img2img", [
        {"strength": 0.25},
        {"seed": 8},
        {"prompt": "a dog"},
        {"negative_prompt": "a dog"},
        {"loras": [{"name": "lora_sd1", "weight": 1}]},
        {"init_image_base64": as_base64(picture().transpose(Image.Transpose.ROTATE_90))},
        {"mask_image_base64": as_base64(half_mask())},
    ]),
)  # fmt: skip
def test_a_parameter_changes_the_picture(server: RunningServer, base: bytes, changed: dict[str, Any]) -> None:
    assert pixels(server, make(server, **changed)) != base


def test_a_picture_started_from_an_image_is_not_the_one_started_from_noise(
    server: RunningServer, base: bytes
) -> None:
    assert pixels(server, server.make(**BASE)) != base


@pytest.mark.parametrize("size", [(40, 100), (1, 1)])
def test_an_image_of_another_size_is_fitted_to_the_output(
    server: RunningServer, size: tuple[int, int]
) -> None:
    job = make(server, init_image_base64=as_base64(picture(*size)), steps=1)
    assert opened(server, job).size == (64, 64)
    (stored,) = job["inputs"]
    assert (stored["width"], stored["height"]) == size


@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_an_image_of_any_mode_does_not_kill_the_engine(server: RunningServer, mode: str) -> None:
    job = make(server, init_image_base64=as_base64(picture(mode=mode)), steps=1)
    assert opened(server, job).mode == "RGB"


def test_a_mask_of_another_size_and_mode_is_accepted(server: RunningServer) -> None:
    mask = as_base64(half_mask().convert("RGBA").resize((100, 30)))
    assert make(server, mask_image_base64=mask, steps=1)["status"] == "completed"


@pytest.mark.proves("img2img.mask_composite")
def test_unpainted_pixels_are_those_of_the_init_image_and_fade_over_four(server: RunningServer) -> None:
    masked = {"mask_image_base64": as_base64(half_mask())}
    kept = columns(opened(server, make(server, **masked)))
    engines = columns(opened(server, make(server, **masked, mask_composite=False)))
    init = columns(picture())
    assert kept[:32] == init[:32]
    assert kept[36:] == engines[36:]
    assert all(kept[x] not in (init[x], engines[x]) for x in range(32, 36))
    assert all(engines[x] != init[x] for x in range(32))


def columns(image: Image.Image) -> list[bytes]:
    """The pixels from left to right."""
    return [image.crop((x, 0, x + 1, image.height)).tobytes() for x in range(image.width)]


def test_gray_of_a_mask_is_the_nearer_of_black_and_white(server: RunningServer) -> None:
    mask = half_mask().point(lambda level: 130 if level else 120)
    one, other = (make(server, mask_image_base64=as_base64(each)) for each in (mask, half_mask()))
    assert pixels(server, one) == pixels(server, other)


def test_a_larger_second_pass_keeps_the_unpainted_pixels_of_the_init_image_enlarged(
    server: RunningServer,
) -> None:
    job = make(server, mask_image_base64=as_base64(half_mask()), hires=True, steps=1)
    made, init = opened(server, job), picture().resize((128, 128), Image.Resampling.LANCZOS)
    # Where the mask is enlarged, its edge takes a few pixels.
    assert columns(made)[:58] == columns(init)[:58]


def test_a_mask_that_is_black_everywhere_and_one_that_is_white_differ(server: RunningServer) -> None:
    results = [
        opened(server, make(server, mask_image_base64=as_base64(Image.new("L", (64, 64), level))))
        for level in (0, 255)
    ]
    assert max(ImageStat.Stat(ImageChops.difference(*results)).mean) > 1


def test_strength_zero_is_possible(server: RunningServer) -> None:
    assert make(server, strength=0)["status"] == "completed"


def test_a_stored_input_is_used_again_by_its_reference(server: RunningServer, base: bytes) -> None:
    first = server.submit("/img2img", **BASE | {"init_image_base64": INIT, "steps": 1})
    again = make(server, init_image_base64=f"input:{first}/init_image_base64")
    assert again["inputs"] == server.get(f"/queue/{first}")["inputs"]
    assert pixels(server, again) == base
