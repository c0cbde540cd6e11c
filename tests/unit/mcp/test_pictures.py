"""Pictures that tools are given, and how large ones are shown."""

import base64
import io
from pathlib import Path
from typing import cast

import httpx
import numpy as np
import pytest
from PIL import Image

from sdcpp_restapi.client import AsyncClient
from sdcpp_restapi.mcp.pictures import MOST_BYTES, BadArgument, fitting_size, read_picture, shown
from tests.support.images import encoded, picture

JOB = "550e8400-e29b-41d4-a716-446655440000"


def noise(width: int, height: int, mode: str = "RGB") -> bytes:
    """A picture that compresses badly."""
    pixels = np.random.default_rng(7).integers(0, 256, (height, width, len(mode)), np.uint8)
    return encoded(Image.fromarray(pixels))


@pytest.mark.parametrize(("format", "media_type"), [("PNG", "image/png"), ("WEBP", "image/webp")])
def test_a_small_picture_is_shown_as_it_is(format: str, media_type: str) -> None:
    content = encoded(picture(), format)
    assert shown(content, MOST_BYTES) == (content, media_type, None)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("most_bytes", [MOST_BYTES, MOST_BYTES // 4])
def test_a_large_one_becomes_a_smaller_jpeg_and_that_is_told(mode: str, most_bytes: int) -> None:
    content, media_type, note = shown(noise(1200, 900, mode), most_bytes)
    assert (media_type, len(content) <= most_bytes) == ("image/jpeg", True)
    with Image.open(io.BytesIO(content)) as image:
        assert image.width / image.height == pytest.approx(4 / 3, abs=0.01)
        assert note == f"shown as a JPEG of {image.width}x{image.height}; the file has 1200x900"


@pytest.mark.parametrize(
    ("size", "fitting"),
    [((512, 768), (512, 768)), ((515, 770), (512, 768)), ((4000, 3000), (1184, 888)), ((3, 3), (8, 8))],
)
def test_an_edit_keeps_the_size_up_to_a_megapixel(size: tuple[int, int], fitting: tuple[int, int]) -> None:
    assert fitting_size(encoded(Image.new("L", size))) == fitting


@pytest.mark.parametrize("content", [b"", b"hello", encoded()[:20]])
def test_what_is_no_picture_is_told(content: bytes) -> None:
    with pytest.raises(BadArgument, match="cannot be read"):
        fitting_size(content)


def outputs(asked: list[str]) -> AsyncClient:
    """A client of a server that has every output: its own path."""

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path.decode())
        return httpx.Response(200, content=b"content")

    return AsyncClient("http://here", transport=httpx.MockTransport(answer))


@pytest.mark.parametrize(
    "source",
    [
        f"sdcpp://output/{JOB}/image_0.png",
        f"http://here/output/{JOB}/image_0.png",
        f"https://proxy/below/output/{JOB}/image_0.png",
        f"{JOB}/image_0.png",
    ],
)
async def test_an_output_is_named_in_several_ways(source: str) -> None:
    asked: list[str] = []
    assert await read_picture(outputs(asked), source, reads_files=False) == b"content"
    assert asked == [f"/output/{JOB}/image_0.png"]


async def test_an_address_elsewhere_is_not_asked() -> None:
    asked: list[str] = []
    for source in ("http://elsewhere/cat.png", "ftp://elsewhere/output/cat.png", "sdcpp://other/x.png"):
        with pytest.raises(BadArgument, match="is no picture"):
            await read_picture(outputs(asked), source, reads_files=False)
    await read_picture(outputs(asked), "sdcpp://output/../queue", reads_files=False)
    assert asked == ["/output/%2E%2E/queue"]


async def test_base64_is_read_with_and_without_a_data_url() -> None:
    nowhere = cast(AsyncClient, None)
    text = base64.b64encode(noise(64, 64)).decode()
    for source in (text, f"data:image/png;base64,{text}"):
        assert await read_picture(nowhere, source, reads_files=False) == noise(64, 64)
    with pytest.raises(BadArgument, match="no valid base64"):
        await read_picture(nowhere, "data:image/png;base64,?", reads_files=False)


async def test_files_are_read_where_that_is_allowed_only(tmp_path: Path) -> None:
    nowhere = cast(AsyncClient, None)
    path = tmp_path / "in.png"
    path.write_bytes(b"content")
    assert await read_picture(nowhere, str(path), reads_files=True) == b"content"
    with pytest.raises(BadArgument, match="is no picture"):
        await read_picture(nowhere, str(path), reads_files=False)
    for missing in (str(tmp_path), str(tmp_path / "none.png"), "none\0.png"):
        with pytest.raises(BadArgument, match="cannot be read"):
            await read_picture(nowhere, missing, reads_files=True)
