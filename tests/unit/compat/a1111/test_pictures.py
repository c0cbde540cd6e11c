"""The web UI's ways to bring a picture to another size, and to read a mask."""

import pytest
from PIL import Image

from sdcpp_restapi.compat.a1111.pictures import (
    CROP_AND_RESIZE,
    JUST_RESIZE,
    RESIZE_AND_FILL,
    read_mask,
    resize,
)


def half_red(width: int = 40, height: int = 20) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (width, height), "blue")
    image.paste("red", (0, 0, width // 2, height))
    return image


@pytest.mark.parametrize("mode", [JUST_RESIZE, CROP_AND_RESIZE, RESIZE_AND_FILL])
@pytest.mark.parametrize("size", [(20, 20), (40, 20), (10, 60), (1, 1)])
def test_each_way_gives_the_size(mode: int, size: tuple[int, int]) -> None:
    assert resize(half_red(), size, mode).size == size


def test_filling_draws_out_the_edges() -> None:
    filled = resize(half_red(), (40, 60), RESIZE_AND_FILL)
    for row in (0, 30, 59):
        assert filled.getpixel((2, row)) == (255, 0, 0)
        assert filled.getpixel((37, row)) == (0, 0, 255)


def test_cropping_takes_the_middle() -> None:
    image = Image.new("RGB", (60, 20), "black")
    image.paste("white", (20, 0, 40, 20))
    assert resize(image, (20, 20), CROP_AND_RESIZE).getpixel((10, 10)) == (255, 255, 255)


def test_a_mask_is_its_transparency_where_it_has_any() -> None:
    strokes = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    strokes.putpixel((1, 1), (0, 0, 0, 255))
    assert read_mask(strokes).getpixel((1, 1)) == 255
    assert read_mask(strokes).getpixel((0, 0)) == 0
    assert read_mask(Image.new("RGBA", (4, 4), "white")).getpixel((0, 0)) == 255
