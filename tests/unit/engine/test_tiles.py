"""How a picture is cut."""

from hypothesis import given
from hypothesis import strategies as st

from sdcpp_restapi.engine.child.tiles import split_into_tiles

SIDES = st.integers(1, 400)


@given(SIDES, SIDES, st.integers(32, 200))
def test_the_kept_parts_cover_every_pixel_once(width: int, height: int, side: int) -> None:
    cut = list(split_into_tiles((width, height), side))
    assert sum((r - left) * (b - top) for _, (left, top, r, b) in cut) == width * height
    corners = {tile.inner[:2] for tile in cut}
    assert len(corners) == len(cut)


@given(SIDES, SIDES, st.integers(32, 200))
def test_no_tile_is_larger_than_asked_for_or_leaves_the_picture(width: int, height: int, side: int) -> None:
    for (left, top, right, bottom), inner in split_into_tiles((width, height), side):
        assert right - left <= side
        assert bottom - top <= side
        assert 0 <= left <= inner[0] < inner[2] <= right <= width
        assert 0 <= top <= inner[1] < inner[3] <= bottom <= height
