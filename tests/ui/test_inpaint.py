"""The mask painter: what is white is painted anew, and nothing else."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.support.running_server import RunningServer
from tests.ui.conftest import OpenUi
from tests.ui.pages import RESULT, fill, fill_small, newest, png


@pytest.fixture
def page(open_ui: OpenUi) -> Page:
    page = open_ui()
    page.get_by_role("button", name="Image to image", exact=True).click()
    return page


def start_from(page: Page, picture: FilePayload) -> Locator:
    """Choose the picture and open the painter; its canvas."""
    page.locator("input[type=file]").first.set_input_files(picture)
    page.get_by_role("button", name="Paint a mask").click()
    canvas = page.locator("dialog canvas")
    expect(canvas).not_to_have_js_property("width", 1)
    return canvas


def stroke(page: Page, canvas: Locator, *points: tuple[float, float]) -> None:
    """Draw with the mouse through these points, given as parts of the canvas."""
    box = canvas.bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def use(page: Page) -> np.ndarray:
    """Close the painter; the mask that the form holds then."""
    page.get_by_role("button", name="Use this mask").click()
    source = page.locator(".overlay").get_attribute("src")
    assert source is not None
    with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as mask:
        return np.asarray(mask.convert("L"))


def test_a_mask_is_painted_where_the_pointer_is(page: Page) -> None:
    canvas = start_from(page, png("red", (200, 100)))
    assert canvas.bounding_box() == page.locator(".paper img").bounding_box()
    stroke(page, canvas, (0.25, 0.5))
    mask = use(page)
    assert mask.shape == (100, 200)
    assert (mask[50, 50], mask[50, 150]) == (255, 0)


def test_what_was_painted_can_be_erased_undone_and_inverted(page: Page) -> None:
    canvas = start_from(page, png("red", (100, 100)))
    page.get_by_label("Brush").fill("20")
    stroke(page, canvas, (0.2, 0.5), (0.8, 0.5))
    page.get_by_role("button", name="Erase").click()
    stroke(page, canvas, (0.5, 0.2), (0.5, 0.8))
    stroke(page, canvas, (0.2, 0.5))
    page.keyboard.press("Control+z")
    page.get_by_role("button", name="Invert").click()
    mask = use(page)
    # Right to left: painted, erased across, never painted; and all of it the other way round.
    assert [mask[50, x] for x in (20, 50, 80)] == [0, 255, 0]
    assert mask[10, 10] == 255


def test_the_pixels_that_were_not_painted_stay_as_they_were(page: Page, server: RunningServer) -> None:
    noise = np.random.default_rng(7).integers(0, 255, (64, 64, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    fill_small(page)
    page.get_by_label("Prompt", exact=True).fill("in part")
    picture = FilePayload(name="noise.png", mimeType="image/png", buffer=file.getvalue())
    canvas = start_from(page, picture)
    page.get_by_label("Brush").fill("20")
    stroke(page, canvas, (0.3, 0.3), (0.6, 0.6))
    painted = use(page) >= 128
    fill(page, Strength="1")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator(f"{RESULT}[alt='in part']")).to_have_js_property("naturalWidth", 64)
    job = newest(server)
    with Image.open(server.output_dir / job["outputs"][0]) as result:
        made = np.asarray(result.convert("RGB"))
    assert job["type"] == "img2img"
    assert np.array_equal(made[~painted], noise[~painted])
    assert not np.array_equal(made[painted], noise[painted])
    assert 0.05 < painted.mean() < 0.5
