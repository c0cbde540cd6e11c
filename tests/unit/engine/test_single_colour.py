"""A result of one single colour is told: weights that are no numbers make one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sdcpp_restapi.engine.binding.image_buffers import InputImage, to_struct
from sdcpp_restapi.engine.child import single_colour, video_file
from sdcpp_restapi.engine.child.image_results import ImageResults
from sdcpp_restapi.schemas.engine import Generate, GenerateVideo
from sdcpp_restapi.schemas.generation import Img2ImgRequest, Txt2ImgRequest
from sdcpp_restapi.schemas.models import LoadOptions
from sdcpp_restapi.schemas.options import BoundedPreviewSettings
from sdcpp_restapi.schemas.video import Txt2VidRequest

BLACK, WHITE, GREEN = (0, 0, 0), (255, 255, 255), (1, 200, 3)
SIZE = (16, 16)


def plain(colour: tuple[int, ...], mode: str = "RGB") -> Image.Image:
    return Image.new(mode, SIZE, colour)


def drawn(mode: str = "RGB") -> Image.Image:
    image = plain(BLACK + (255,) * (mode == "RGBA"), mode)
    image.putpixel((3, 4), (0, 0, 1, 255)[: len(mode)])
    return image


def common(folder: Path) -> dict[str, Any]:
    return {
        "id": 1,
        "prompt": "a",
        "negative_prompt": "",
        "options": LoadOptions(),
        "model_name": "m",
        "folder": str(folder),
        "preview": BoundedPreviewSettings(),
    }


def test_one_other_pixel_makes_it_a_picture() -> None:
    assert single_colour.find_single_colour(plain(BLACK)) == "#000000"
    assert single_colour.find_single_colour(plain(GREEN)) == "#01c803"
    assert single_colour.find_single_colour(Image.new("L", SIZE, 255)) == "#ffffff"
    assert single_colour.find_single_colour(drawn()) is None
    assert single_colour.find_single_colour(drawn("RGBA")) is None
    half_clear = plain((0, 0, 0, 255), "RGBA")
    half_clear.putpixel((0, 0), (0, 0, 0, 0))
    assert single_colour.find_single_colour(half_clear) is None


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_each_such_image_of_a_batch_is_named(tmp_path: Path, mode: str, output_format: str) -> None:
    clear = (255,) * (mode == "RGBA")
    images = [plain(BLACK + clear, mode), drawn(mode), plain(WHITE + clear, mode), plain(GREEN + clear, mode)]
    params = Txt2ImgRequest(prompt="a", seed=1, batch_count=4, output_format=output_format)
    warnings = _finish(Generate(params=params, **common(tmp_path)), [to_struct(one) for one in images])
    suffix = {"jpeg": "jpg"}.get(output_format, output_format)
    assert [warning.partition(":")[0] for warning in warnings] == [
        f"image_0.{suffix} is all black",
        f"image_2.{suffix} is all white",
        f"image_3.{suffix} is of one single colour (#01c803)",
    ]
    assert "NaN" in warnings[0]


def test_what_inpainting_puts_over_it_does_not_hide_it(tmp_path: Path) -> None:
    init, mask = tmp_path / "init.png", tmp_path / "mask.png"
    drawn().save(init)
    half = Image.new("L", SIZE, 0)
    half.paste(255, (0, 0, 8, 16))
    half.save(mask)
    params = Img2ImgRequest(prompt="a", seed=1, init_image_base64="x", mask_image_base64="y")
    images = {"init_image_base64": [str(init)], "mask_image_base64": [str(mask)]}
    command = Generate(params=params, images=images, **common(tmp_path))
    assert len(_finish(command, [to_struct(plain(BLACK))])) == 1


def _finish(command: Generate, made: list[InputImage]) -> list[str]:
    results = ImageResults(
        command=command,
        upscaler=None,  # type: ignore[arg-type]
        steps=None,  # type: ignore[arg-type]
        report=lambda _report: None,
        repair=lambda _command, image, _seed: (image, []),
    )
    results.add(command, [image.struct for image in made], 1.0)
    return results.build_report().warnings


@pytest.mark.parametrize(
    ("frames", "begins"),
    [
        ([plain(BLACK)] * 5, "video.mp4 is all black: "),
        ([plain(BLACK), plain(WHITE)] * 2, "video.mp4: each frame is of one single colour: "),
        ([plain(BLACK), drawn(), plain(BLACK)], None),
    ],
)
def test_a_video_is_told_where_no_frame_shows_anything(
    tmp_path: Path, frames: list[Image.Image], begins: str | None
) -> None:
    params = Txt2VidRequest(prompt="a", seed=1, video_frames=len(frames))
    command = GenerateVideo(params=params, **common(tmp_path))
    made = [to_struct(frame) for frame in frames]
    never: Callable[[], bool] = lambda: False  # noqa: E731
    warnings = video_file.write_video(command, [one.struct for one in made], 1.0, never).warnings
    assert len(warnings) == (begins is not None)
    assert all(warning.startswith(begins or "") for warning in warnings)
