"""What pictures carry, whatever they carry."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sdcpp_restapi.outputs import generation_info
from sdcpp_restapi.outputs.generation_info import UNKNOWN, GenerationInfo
from tests.support.output_folders import write_png

TEXTS = {
    "a cat\nSteps: 2, Seed: 7": GenerationInfo("a cat", 7),
    "a cat\nNegative prompt: dog\nSteps: 2, Seed: 7, Model: x": GenerationInfo("a cat", 7),
    "two\nlines\nSteps: 2, Sampler: euler, Seed: 18446744073709551615": GenerationInfo(
        "two\nlines", 2**64 - 1
    ),
    "only Seed: 5 in the prompt\nSteps: 2, Seed: 7": GenerationInfo("only Seed: 5 in the prompt", 7),
    "no settings at all": GenerationInfo("no settings at all"),
    'Steps: 2, Model: "a, Seed: x"': GenerationInfo(""),
    "": UNKNOWN,
}


@pytest.mark.parametrize(("text", "made"), TEXTS.items())
@pytest.mark.parametrize("kind", ["tEXt", "iTXt", "zTXt"])
def test_prompt_and_seed_are_read_from_a_png(
    tmp_path: Path, kind: str, text: str, made: GenerationInfo
) -> None:
    info = PngInfo()
    if kind == "iTXt":
        info.add_itxt("parameters", text)
    else:
        info.add_text("parameters", text, zip=kind == "zTXt")
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png", pnginfo=info)
    assert generation_info.read_picture(tmp_path / "a.png") == made


@pytest.mark.parametrize("encoded", [b"ASCII\0\0\0a cat", b"UNICODE\0" + "a cat".encode("utf-16-be")])
@pytest.mark.parametrize("name", ["a.jpg", "a.webp"])
def test_the_prompt_is_read_from_a_jpeg_and_a_webp(tmp_path: Path, name: str, encoded: bytes) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = encoded
    Image.new("RGB", (4, 4)).save(tmp_path / name, exif=exif)
    assert generation_info.read_picture(tmp_path / name) == GenerationInfo("a cat")


def test_a_very_long_prompt_is_cut(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", "x" * 100_000)
    assert len(generation_info.read_picture(tmp_path / "a.png").prompt) == generation_info.LONGEST_PROMPT


def test_a_text_that_unpacks_to_megabytes_is_not_unpacked(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("parameters", "x" * 5_000_000, zip=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png", pnginfo=info)
    assert generation_info.read_picture(tmp_path / "a.png") == UNKNOWN


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@given(data=st.binary(max_size=60), cut=st.integers(0, 400), at=st.integers(0, 300))
def test_a_broken_picture_carries_nothing_or_something_but_breaks_nothing(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: bytes, cut: int, at: int
) -> None:
    path = tmp_path_factory.getbasetemp() / f"fuzzed{suffix}"
    Image.new("RGB", (4, 4)).save(path)
    whole = path.read_bytes()
    path.write_bytes((whole[:at] + data + whole[at + len(data) :])[: cut or None])
    assert isinstance(generation_info.read_picture(path), GenerationInfo)
