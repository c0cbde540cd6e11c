"""The text of parameters in pictures."""

import pytest
from PIL import Image

from sdcpp_restapi.compat.a1111.infotext import parse_parameters, read_parameters, read_texts
from sdcpp_restapi.compat.a1111.pictures import encode

TEXT = (
    "a cat, a dog\nsecond line: of it\nNegative prompt: ugly,\nworse\n"
    "Steps: 20, Sampler: Euler a, Schedule type: Karras, CFG scale: 7.5, Seed: 5, Size: 64x96, "
    'Model: "a, b: c"'
)


def test_prompts_and_settings_are_taken_apart() -> None:
    assert parse_parameters(TEXT) == {
        "Prompt": "a cat, a dog\nsecond line: of it",
        "Negative prompt": "ugly,\nworse",
        "Steps": "20",
        "Sampler": "Euler a",
        "Schedule type": "Karras",
        "CFG scale": "7.5",
        "Seed": "5",
        "Size-1": "64",
        "Size-2": "96",
        "Model": "a, b: c",
    }


@pytest.mark.parametrize(
    "text", ["", "a cat", "a: b, c: d", "Negative prompt: x", "\n\n", '"', 'a: ", b: ", c: "']
)
def test_any_text_is_taken_apart(text: str) -> None:
    assert {"Prompt", "Negative prompt"} <= set(parse_parameters(text))


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("text", [TEXT, "ein Kätzchen 🐈"])
def test_the_text_is_read_back_from_each_format(file_format: str, text: str) -> None:
    assert read_parameters(encode(Image.new("RGB", (8, 8)), file_format, text)) == text


def test_a_picture_without_a_text_has_none_and_what_is_no_picture_is_told_apart() -> None:
    assert read_texts(encode(Image.new("RGB", (8, 8)))) == {}
    assert read_texts(b"no picture") is None
    assert read_parameters(b"no picture") == ""
