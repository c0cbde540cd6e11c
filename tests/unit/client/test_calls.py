"""Requests as they are described, before one is sent."""

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest

from sdcpp_restapi.client import calls
from sdcpp_restapi.client.images import ImageSource, encode_image
from sdcpp_restapi.schemas.generation import Img2ImgRequest
from sdcpp_restapi.schemas.video import Txt2VidRequest

IMAGE = b"not looked at"
ENCODED = base64.b64encode(IMAGE).decode()


def test_an_image_is_bytes_a_path_or_a_data_url(tmp_path: Path) -> None:
    path = tmp_path / "in.png"
    path.write_bytes(IMAGE)
    sources: list[ImageSource] = [IMAGE, path, str(path)]
    assert {encode_image(source) for source in sources} == {ENCODED}
    assert encode_image(f"data:image/png;base64,{ENCODED}") == f"data:image/png;base64,{ENCODED}"
    with pytest.raises(FileNotFoundError):
        encode_image("missing.png")


@pytest.mark.parametrize(
    ("arguments", "path", "body"),
    [
        ({}, "/txt2img", {}),
        ({"steps": 3}, "/txt2img", {"steps": 3}),
        ({"image": IMAGE}, "/img2img", {"init_image_base64": ENCODED}),
        ({"init_image_base64": ENCODED}, "/img2img", {"init_image_base64": ENCODED}),
        (
            {"image": IMAGE, "mask": IMAGE},
            "/img2img",
            {"init_image_base64": ENCODED, "mask_image_base64": ENCODED},
        ),
        ({"video": True}, "/txt2vid", {}),
        ({"video": True, "image": IMAGE}, "/txt2vid", {"init_image_base64": ENCODED}),
    ],
)
def test_what_is_generated_follows_from_the_arguments(
    arguments: dict[str, Any], path: str, body: dict[str, Any]
) -> None:
    made = calls.generate("a cat", **arguments)
    assert (made.method, made.path, made.body) == ("POST", path, {"prompt": "a cat", **body})
    planned = calls.plan("a cat", **arguments)
    assert (planned.path, planned.query, planned.body) == ("/plan", {"type": path[1:]}, made.body)


def test_pictures_to_edit_are_references() -> None:
    call = calls.edit("make it blue", IMAGE, IMAGE, steps=3)
    assert call.path == "/txt2img"
    assert call.body == {"prompt": "make it blue", "ref_images": [ENCODED, ENCODED], "steps": 3}


def test_of_a_request_object_only_what_it_was_given_is_sent() -> None:
    call = calls.submit(Img2ImgRequest(prompt="a cat", init_image_base64=ENCODED, loras=[]))
    assert call.path == "/img2img"
    assert call.body == {"prompt": "a cat", "init_image_base64": ENCODED, "loras": []}
    assert calls.submit(Txt2VidRequest(prompt="a cat")).path == "/txt2vid"


def test_names_are_quoted_and_folders_stay() -> None:
    assert calls.output("a/frames/f 0.png").path == "/output/a/frames/f%200.png"
    inspection = calls.inspect_model("lora", "my style/a#b.gguf")
    assert inspection.path == "/models/inspect/lora/my%20style/a%23b.gguf"


def test_dots_and_slashes_lead_to_no_other_address() -> None:
    called = [calls.job("../health"), calls.cancel(".."), calls.output("../queue"), calls.job("a?b#c")]
    paths = [httpx.URL("http://here" + call.path).raw_path.decode() for call in called]
    assert paths == ["/queue/..%2Fhealth", "/queue/%2E%2E", "/output/%2E%2E/queue", "/queue/a%3Fb%23c"]
