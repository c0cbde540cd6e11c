"""Inpainting as the web UI does it: what goes to the engine, and how its picture comes back."""

from dataclasses import replace

import pytest
from PIL import Image, ImageChops

from sdcpp_restapi.compat.a1111.inpainting import FILL, ORIGINAL, Inpainting, find_box, prepare
from tests.support.images import picture

HOW = Inpainting(
    size=(64, 64), resize_mode=0, blur=(0, 0), fill=ORIGINAL, only_masked=True, padding=0, inverted=False
)
WHOLE = replace(HOW, only_masked=False)
INIT = picture(128, 96)
HOLE = (80, 40, 110, 60)
MADE = Image.new("RGB", (64, 64), "red")


def mask(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (128, 96)) -> Image.Image:
    image = Image.new("L", size)
    for box in boxes:
        image.paste(255, box)
    return image


def same(one: Image.Image, other: Image.Image) -> bool:
    return ImageChops.difference(one, other).getbbox() is None


@pytest.mark.parametrize(
    ("size", "padding", "box"),
    [
        ((64, 64), 0, (80, 35, 110, 65)),
        ((64, 64), 10, (70, 25, 120, 75)),
        ((128, 64), 0, (75, 40, 115, 60)),
        ((64, 64), 1000, (16, 0, 112, 96)),
        ((30, 20), 0, (80, 40, 110, 60)),
    ],
)
def test_the_part_that_is_drawn_has_its_proportions_and_lies_in_the_picture(
    size: tuple[int, int], padding: int, box: tuple[int, int, int, int]
) -> None:
    found = find_box(mask(HOLE), replace(HOW, size=size, padding=padding))
    if padding < 1000:
        assert found == box
    else:
        assert found == (0, 0, 128, 96)


def test_a_mask_at_the_edge_is_widened_to_the_inside() -> None:
    assert find_box(mask((120, 0, 128, 40)), HOW) == (88, 0, 128, 40)


def test_only_what_is_masked_changes_and_the_picture_keeps_its_size() -> None:
    prepared = prepare(INIT, mask(HOLE), HOW)
    assert prepared is not None
    assert (prepared.image.size, prepared.mask.size) == ((64, 64), (64, 64))
    whole = prepared.finish(MADE)
    assert whole.size == INIT.size
    assert same(whole.crop(HOLE), MADE.resize((30, 20)))
    outside = mask(HOLE).point([255 - level for level in range(256)])
    black = Image.new("RGB", INIT.size)
    assert same(Image.composite(whole, black, outside), Image.composite(INIT, black, outside))


def test_the_engine_gets_the_masked_part_enlarged() -> None:
    prepared = prepare(INIT, mask(HOLE), HOW)
    assert prepared is not None
    expected = INIT.crop((80, 35, 110, 65)).resize((64, 64), Image.Resampling.LANCZOS)
    assert same(prepared.image, expected)
    assert set(prepared.mask.tobytes()) == {0, 255}


def test_an_inverted_mask_paints_the_rest() -> None:
    prepared = prepare(INIT, mask(HOLE), replace(WHOLE, size=INIT.size, inverted=True))
    assert prepared is not None
    whole = prepared.finish(MADE.resize(INIT.size))
    assert same(whole.crop(HOLE), INIT.crop(HOLE))
    assert whole.getpixel((0, 0)) == (255, 0, 0)


def test_a_blurred_mask_fades() -> None:
    sharp, soft = (
        prepare(INIT, mask(HOLE), replace(WHOLE, size=INIT.size, blur=(blur, blur))) for blur in (0, 4)
    )
    assert sharp is not None
    assert soft is not None
    before, after = HOLE[0] - 3, (HOLE[1] + HOLE[3]) // 2
    assert sharp.finish(MADE.resize(INIT.size)).getpixel((before, after)) == INIT.getpixel((before, after))
    assert soft.finish(MADE.resize(INIT.size)).getpixel((before, after)) != INIT.getpixel((before, after))


def test_a_mask_without_white_paints_nothing() -> None:
    assert prepare(INIT, mask(), HOW) is None
    assert prepare(INIT, mask((0, 0, 128, 96)), replace(HOW, inverted=True)) is None


def test_a_mask_of_another_size_is_fitted_to_the_picture() -> None:
    prepared = prepare(INIT, mask((32, 24, 64, 48), size=(64, 48)), WHOLE)
    assert prepared is not None
    assert prepared.mask.getpixel((63, 63)) == 255
    assert prepared.mask.getpixel((0, 0)) == 0


def test_filling_takes_the_colours_from_around() -> None:
    init = Image.new("RGB", (64, 64), (10, 200, 30))
    init.paste((255, 0, 0), (24, 24, 40, 40))
    hole = mask((22, 22, 42, 42), size=(64, 64))
    filled = prepare(init, hole, replace(WHOLE, fill=FILL))
    assert filled is not None
    pixel = filled.image.getpixel((32, 32))
    assert isinstance(pixel, tuple)
    assert all(abs(one - other) < 12 for one, other in zip(pixel, (10, 200, 30), strict=True))


def test_a_result_that_was_rounded_up_is_put_together_at_its_own_size() -> None:
    prepared = prepare(INIT, mask(HOLE), replace(WHOLE, size=(60, 60)))
    assert prepared is not None
    assert prepared.finish(MADE).size == (64, 64)
