"""Repairs of what a detector finds, with a detector that finds the same squares in every picture."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.support.images import as_base64, picture
from tests.support.outputs import opened, pixels
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup
from tests.support.tiny_models.yolov8 import write_detector

BASE: dict[str, Any] = {
    "prompt": "a cat", "width": 64, "height": 64, "steps": 2, "cfg_scale": 1.0, "seed": 7, "sampler": "euler",
}  # fmt: skip
# Of the squares that it finds, those of the coarsest scale are the largest: 19 of 64 pixels a side.
SQUARE: dict[str, Any] = {
    "model": "face.safetensors", "largest": 1, "width": 64, "height": 64, "strength": 0.9, "mask_padding": 0,
    "mask_blur": 0, "mask_dilate": 0,
}  # fmt: skip

SERVER = ServerSetup(loads=["sd1_whole"])


@pytest.fixture(scope="module")
def root(root: Path) -> Path:
    """A detector lies beside the model."""
    write_detector(root / "models" / "detectors" / "face.safetensors")
    return root


def find_change(server: RunningServer, one: Any, other: Any) -> tuple[int, int, int, int] | None:
    """The box of the pixels in which two jobs' pictures differ."""
    pictures: list[NDArray[np.int16]] = [np.asarray(opened(server, job), np.int16) for job in (one, other)]
    return Image.fromarray(np.abs(pictures[0] - pictures[1]).astype(np.uint8)).getbbox()


@pytest.mark.proves("txt2img.adetail")
def test_only_what_the_detector_finds_is_drawn_again(server: RunningServer) -> None:
    plain = server.make(**BASE)
    repaired = server.make(**BASE, adetail=[SQUARE])
    box = find_change(server, plain, repaired)
    assert box is not None
    assert max(box[2] - box[0], box[3] - box[1]) <= 20
    other = server.make(**BASE, adetail=[SQUARE | {"prompt": "a red house", "cfg_scale": 9.0}])
    assert pixels(server, other) != pixels(server, repaired)
    assert repaired["params"]["adetail"][0]["model"].endswith("detectors/face.safetensors")


@pytest.mark.proves("img2img.adetail", "img2img.adetail_only")
def test_a_finished_picture_is_repaired_and_otherwise_left_alone(server: RunningServer) -> None:
    init = picture(64, 64)
    job = server.make(
        "/img2img", **BASE, init_image_base64=as_base64(init), adetail=[SQUARE], adetail_only=True
    )
    assert "warnings" not in job
    made = np.asarray(opened(server, job), np.int16)
    changed = Image.fromarray(np.abs(made - np.asarray(init, np.int16)).astype(np.uint8)).getbbox()
    assert changed is not None
    assert max(changed[2] - changed[0], changed[3] - changed[1]) <= 20


def test_a_detector_that_is_not_sure_enough_repairs_nothing_and_says_so(server: RunningServer) -> None:
    job = server.make(**BASE, adetail=[SQUARE | {"confidence": 0.9}])
    assert job["warnings"] == ["adetail.0: the detector found nothing to repair"]
    assert pixels(server, job) == pixels(server, server.make(**BASE))


def test_a_file_that_is_no_detector_fails_the_job_in_the_engines_words(server: RunningServer) -> None:
    job = server.wait_for_job(server.submit(**BASE, adetail=[{"model": "sd1_whole.gguf"}]))
    assert job["status"] == "failed"
    assert "unsupported YOLOv8 detection weights" in job["error"]
    assert server.make(**BASE)["status"] == "completed"


@pytest.mark.parametrize(
    ("path", "asked", "words"),
    [
        ("/txt2img", {"adetail": [{"model": "none.safetensors"}]}, "adetail.0.model: 'none.safetensors'"),
        ("/txt2img", {"adetail": [SQUARE | {"width": 100}]}, "adetail.0.width"),
        ("/txt2img", {"adetail": [SQUARE | {"min_area": 0.5, "max_area": 0.1}]}, "min_area: 0.5"),
        ("/txt2img", {"adetail": [SQUARE | {"steps": 10_000}]}, "adetail.0.steps: 10000"),
        ("/txt2img", {"adetail": [{}]}, "adetail.0.model"),
        ("/img2img", {"adetail_only": True, "init_image_base64": as_base64()}, "adetail: required"),
    ],
)
def test_what_cannot_be_repaired_is_refused(
    server: RunningServer, path: str, asked: dict[str, Any], words: str
) -> None:
    assert words in server.post(path, BASE | asked, expect=400)["error"]


def test_what_a_repair_has_no_use_for_is_told(server: RunningServer) -> None:
    init = as_base64(picture(64, 64))
    job = server.make(
        "/img2img",
        **BASE,
        init_image_base64=init,
        adetail=[SQUARE],
        adetail_only=True,
        strength=0.5,
        hires=True,
    )
    assert job["warnings"] == ["strength, hires have no effect beside adetail_only"]


def test_an_unknown_field_of_an_entry_is_told(server: RunningServer) -> None:
    job = server.make(**BASE, adetail=[SQUARE | {"colour": "red"}])
    assert job["warnings"] == ["unknown field 'adetail.0.colour' was ignored"]
