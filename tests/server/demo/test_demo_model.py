"""The demo model draws what it is asked for: prompt, colour, guidance, LoRA, seed, and larger pictures."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sdcpp_restapi.demo.model import DemoModel, copy_demo_model
from sdcpp_restapi.schemas.model_types import MODEL_TYPES
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

HERE = Path(__file__).parent
HEART: dict[str, Any] = {
    "prompt": "a red heart", "width": 64, "height": 64, "steps": 3, "cfg_scale": 2, "sampler": "euler",
    "seed": 42,
}  # fmt: skip
BLUE = (64, 120, 224)
SUBJECTS = ("cat", "red heart", "banana", "penguin", "tree", "rocket")
"""Left to right in subjects.png: the emoji that the model was made from."""

type Pixels = NDArray[np.float64]
type Draw = Callable[..., Pixels]


@pytest.fixture(scope="module")
def server_setup(root: Path) -> ServerSetup:
    """With the demo model, its noise from the generator that PyTorch has too."""
    demo = copy_demo_model({kind: root / "models" / row.folder for kind, row in MODEL_TYPES.items()})
    # One thread: with as many as cores, the engine's threads wait busily for each other beside other tests.
    options = {"rng_type": "cpu", "sampler_rng_type": "cpu", "n_threads": 1}
    return ServerSetup(loads=[{**demo.load_request().model_dump(exclude={"options"}), "options": options}])


@pytest.fixture(scope="module")
def draw(server: RunningServer) -> Draw:
    """The picture for HEART with these changes, made once."""

    @cache
    def made(changes: tuple[tuple[str, Any], ...]) -> Pixels:
        request = dict(changes)
        if noir := request.pop("noir", None):
            request["loras"] = [{"name": DemoModel().lora, "weight": noir}]
        job = server.make(**HEART | request)
        return pixels(server.output_dir / job["outputs"][0])

    return lambda **changes: made(tuple(changes.items()))


def pixels(path: Path, side: int | None = None) -> Pixels:
    with Image.open(path) as image:
        picture = image.convert("RGB")
        return np.asarray(picture.resize((side, side), Image.Resampling.BOX) if side else picture, np.float64)


def apart(one: Pixels, other: Pixels) -> float:
    """Mean difference, of 255."""
    return float(np.abs(one - other).mean())


def nearest_subject(picture: Pixels) -> str:
    with Image.open(HERE / "subjects.png") as strip:
        known = [
            np.asarray(strip.convert("RGB").crop((64 * i, 0, 64 * (i + 1), 64)), np.float64)
            for i in range(len(SUBJECTS))
        ]
    return min(SUBJECTS, key=lambda name: apart(picture, known[SUBJECTS.index(name)]))


def colourfulness(picture: Pixels) -> float:
    """Mean distance between the strongest and the weakest channel."""
    return float((picture.max(-1) - picture.min(-1)).mean())


@pytest.mark.proves("txt2img.prompt")
@pytest.mark.parametrize(("prompt", "subject"), [("a red heart", "red heart"), ("a lovely cat", "cat")])
def test_the_prompt_decides_what_is_drawn(draw: Draw, prompt: str, subject: str) -> None:
    assert nearest_subject(draw(prompt=prompt)) == subject


def test_a_colour_word_decides_the_background(draw: Draw) -> None:
    on_white, on_blue = draw(), draw(prompt="a red heart on a blue background")
    corner = np.s_[56:, :8]
    assert apart(on_white[corner].mean((0, 1)), np.array((255.0, 255.0, 255.0))) < 30
    assert apart(on_blue[corner].mean((0, 1)), np.array(BLUE, np.float64)) < 50


def test_the_same_seed_draws_the_same_and_another_one_not(server: RunningServer, draw: Draw) -> None:
    again = server.make(**HEART)
    assert apart(draw(prompt="a red heart"), pixels(server.output_dir / again["outputs"][0])) == 0
    assert apart(draw(), draw(seed=43)) > 2


@pytest.mark.proves("txt2img.cfg_scale")
def test_guidance_acts(draw: Draw) -> None:
    assert apart(draw(), draw(cfg_scale=1)) > 2


@pytest.mark.proves("txt2img.loras")
def test_the_lora_takes_the_colours_away(draw: Draw) -> None:
    assert colourfulness(draw(noir=1.0)) < 0.3 * colourfulness(draw())


def test_the_upscaler_makes_256_pixels_of_64(server: RunningServer, draw: Draw) -> None:
    server.post("/upscaler/load", DemoModel().upscaler_request().model_dump())
    job = server.make(**HEART, upscale=True)
    path = server.output_dir / job["outputs"][0]
    assert pixels(path).shape == (256, 256, 3)
    assert apart(pixels(path, side=64), draw()) < 12


def test_the_engine_draws_what_the_model_drew_in_pytorch(draw: Draw) -> None:
    """tools/demo_model/parity.py made twin.png, with weights of 32 bits where the engine has 8."""
    drawn = draw(prompt="a red heart, two  cats & pizza on blue!")
    assert apart(drawn, pixels(HERE / "twin.png")) < 2
    assert apart(draw(), pixels(HERE / "twin.png")) > 20  # it would be noticed
