"""Pictures are scaled and masks are made as ComfyUI does."""

import pytest
from PIL import Image

from sdcpp_restapi.compat.comfyui.graph_request import Scale
from sdcpp_restapi.compat.comfyui.nodes import NODE_TYPES
from sdcpp_restapi.compat.comfyui.pictures import complete_size, extract_mask, grow_mask, scale_image
from tests.support.images import picture


@pytest.mark.parametrize(
    ("width", "height", "size"), [(64, 32, (64, 32)), (64, 0, (64, 128)), (0, 50, (25, 50)), (1, 0, (1, 2))]
)
def test_a_side_of_0_keeps_the_shape(width: int, height: int, size: tuple[int, int]) -> None:
    assert complete_size((100, 200), Scale(width, height, "area", False)) == size


def test_every_method_of_scaling_is_known() -> None:
    scaled = next(one for one in NODE_TYPES["ImageScale"].inputs if one.name == "upscale_method")
    sizes = {scale_image(picture(), Scale(32, 16, method, False)).size for method in scaled.choices}
    assert sizes == {(32, 16)}


def test_a_cropped_picture_keeps_its_middle() -> None:
    image = Image.new("RGB", (300, 100), "red")
    image.paste("blue", (100, 0, 200, 100))
    cropped = scale_image(image, Scale(10, 10, "nearest-exact", True))
    assert cropped.getcolors() == [(100, (0, 0, 255))]
    stretched = scale_image(image, Scale(9, 9, "nearest-exact", False))
    assert len(stretched.getcolors() or []) == 2


def test_a_mask_is_white_where_a_picture_is_transparent() -> None:
    image = picture(8, 8, "RGBA")
    image.putalpha(Image.linear_gradient("L").resize((8, 8)))
    alpha = image.getchannel("A")
    assert extract_mask(image, "alpha").tobytes() == bytes(255 - level for level in alpha.tobytes())
    assert extract_mask(picture(), "alpha").getextrema() == (0, 0)
    assert extract_mask(picture(), "green").tobytes() == picture().getchannel("G").tobytes()


@pytest.mark.parametrize(("pixels", "side"), [(0, 1), (1, 1), (2, 3), (3, 3), (6, 7), (7, 7)])
def test_a_mask_grows_by_half_of_what_is_asked_for_on_each_side(pixels: int, side: int) -> None:
    mask = Image.new("L", (21, 21), 0)
    mask.putpixel((10, 10), 255)
    grown = grow_mask(mask, pixels).getbbox()
    half = side // 2
    assert grown == (10 - half, 10 - half, 11 + half, 11 + half)
