"""Input images: what becomes of depth, transparency, texts and odd shapes."""

import base64
import io
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sdcpp_restapi.decoding import Decoding
from sdcpp_restapi.errors import BadRequest
from sdcpp_restapi.jobs.input_images import InputStore
from sdcpp_restapi.jobs.pictures import decode, open_file
from sdcpp_restapi.schemas.base import Request
from sdcpp_restapi.schemas.generation import Img2ImgRequest, Txt2ImgRequest
from sdcpp_restapi.schemas.upscaling import UpscaleRequest

MOST_PIXELS = 1_000_000


def png(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def decoded(field: str, data: bytes) -> Image.Image:
    return decode(field, open_file(field, data, MOST_PIXELS))


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def deep_png(color_type: int, row: bytes, size: tuple[int, int], *extra: bytes) -> bytes:
    """A PNG file of 16 bits, which Pillow does not write in every kind."""
    pixels = zlib.compress((b"\0" + row) * size[1])
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 16, color_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + b"".join([head, *extra, chunk(b"IDAT", pixels), chunk(b"IEND", b"")])


async def stored(tmp_path: Path, request: Request) -> tuple[Mapping[str, Image.Image], list[str]]:
    """The files of a request's images by name, and the warnings, which a plan tells as well."""
    store = InputStore(tmp_path, MOST_PIXELS, Decoding(MOST_PIXELS))
    job_id = str(uuid4())
    found = await store.store(job_id, request)
    assert (await store.check(request)).warnings == found.warnings
    images = {}
    for path in (tmp_path / job_id).iterdir():
        with Image.open(path) as image:
            images[path.stem] = image.copy()
    return images, found.warnings


async def init(tmp_path: Path, data: bytes) -> tuple[Image.Image, list[str]]:
    request = Img2ImgRequest(prompt="x", init_image_base64=text(data))
    images, warnings = await stored(tmp_path, request)
    return images["init_image_base64_0"], warnings


RAMP = struct.pack(">256H", *range(0, 65536, 257))


async def test_sixteen_bits_of_gray_are_scaled(tmp_path: Path) -> None:
    image, warnings = await init(tmp_path, deep_png(0, RAMP, (256, 2)))
    assert image.convert("L").tobytes() == bytes(range(256)) * 2
    assert warnings == []
    written = Image.new("I;16", (2, 1))
    written.putpixel((1, 0), 65535)
    image, _ = await init(tmp_path, png(written))
    assert image.convert("L").tobytes() == b"\0\xff"


async def test_sixteen_bits_of_everything_else_are_scaled(tmp_path: Path) -> None:
    colours, warnings = await init(tmp_path, deep_png(2, struct.pack(">3H", 65535, 257 * 100, 0), (1, 1)))
    assert (colours.getpixel((0, 0)), warnings) == ((255, 100, 0), [])
    half, warnings = await init(tmp_path, deep_png(4, struct.pack(">2H", 0, 257 * 100), (1, 1)))
    assert half.getpixel((0, 0)) == (155, 155, 155)
    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("kind", "row", "transparent"),
    [
        (0, struct.pack(">2H", 0x1234, 0x8000), struct.pack(">H", 0x1234)),
        (
            2,
            struct.pack(">6H", 0x1234, 5, 65535, 0x8080, 0x8080, 0x8080),
            struct.pack(">3H", 0x1234, 5, 65535),
        ),
    ],
    ids=["gray", "colours"],
)
async def test_a_colour_of_16_bits_that_stands_for_nothing_is_put_on_white(
    tmp_path: Path, kind: int, row: bytes, transparent: bytes
) -> None:
    image, warnings = await init(tmp_path, deep_png(kind, row, (2, 1), chunk(b"tRNS", transparent)))
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (128, 128, 128)]
    assert len(warnings) == 1


def half_transparent(hidden: tuple[int, int, int] = (0, 255, 0)) -> Image.Image:
    """Left red, right nothing, with a colour that cannot be seen."""
    image = Image.new("RGBA", (8, 4), (*hidden, 0))
    image.paste((255, 0, 0, 255), (0, 0, 4, 4))
    return image


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA"])
async def test_transparent_parts_are_put_on_white_with_a_warning(tmp_path: Path, mode: str) -> None:
    image = half_transparent()
    data = png(
        image.convert("RGBA").quantize() if mode == "P" else image.convert("LA" if "A" in mode else mode)
    )
    if mode == "RGBA":
        data = png(image)
    flat, warnings = await init(tmp_path, data)
    assert flat.mode == "RGB"
    assert flat.getpixel((6, 2)) == (255, 255, 255)
    assert flat.getpixel((1, 1)) != (255, 255, 255)
    assert warnings == ["init_image_base64: its transparent parts were made white"]


async def test_a_transparent_gif_is_put_on_white(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    half_transparent().save(buffer, "GIF")
    flat, warnings = await init(tmp_path, buffer.getvalue())
    assert flat.getpixel((6, 2)) == (255, 255, 255)
    assert len(warnings) == 1


async def test_an_alpha_that_hides_nothing_is_no_matter(tmp_path: Path) -> None:
    flat, warnings = await init(tmp_path, png(Image.new("RGBA", (3, 3), (1, 2, 3, 255))))
    assert (flat.getpixel((0, 0)), warnings) == ((1, 2, 3), [])


async def test_each_field_is_told_once(tmp_path: Path) -> None:
    given = text(png(half_transparent().resize((64, 64))))
    request = Txt2ImgRequest(prompt="x", control_image_base64=given, ref_images=[given, given])
    _, warnings = await stored(tmp_path, request)
    assert [one.partition(":")[0] for one in warnings] == ["control_image_base64", "ref_images"]


async def mask(tmp_path: Path, image: Image.Image) -> tuple[Image.Image, list[str]]:
    request = Img2ImgRequest(
        prompt="x", init_image_base64=text(png(Image.new("RGB", (8, 4)))), mask_image_base64=text(png(image))
    )
    images, warnings = await stored(tmp_path, request)
    return images["mask_image_base64_0"], warnings


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (255, 0, 0)], ids=["white", "black", "red"])
async def test_strokes_on_nothing_are_what_is_repainted(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    for hidden in ((255, 255, 255), (0, 0, 0)):
        image = Image.new("RGBA", (8, 4), (*hidden, 0))
        image.paste((*colour, 255), (0, 0, 4, 4))
        found, warnings = await mask(tmp_path, image)
        assert found.mode == "L"
        assert (found.getpixel((1, 1)), found.getpixel((6, 1))) == (255, 0)
        assert len(warnings) == 1
        assert warnings[0].startswith("mask_image_base64: ")


async def test_a_mask_of_black_and_white_is_taken_as_it_is(tmp_path: Path) -> None:
    image = Image.new("RGBA", (8, 4), (0, 0, 0, 255))
    image.paste((255, 255, 255, 255), (0, 0, 4, 4))
    found, warnings = await mask(tmp_path, image)
    assert (found.getpixel((1, 1)), found.getpixel((6, 1)), warnings) == (255, 0, [])


async def test_an_image_to_be_enlarged_keeps_its_alpha(tmp_path: Path) -> None:
    images, warnings = await stored(tmp_path, UpscaleRequest(image_base64=text(png(half_transparent()))))
    (image,) = images.values()
    assert (image.mode, image.getpixel((6, 1))[3], warnings) == ("RGBA", 0, [])  # type: ignore[index]
    images, _ = await stored(tmp_path, UpscaleRequest(image_base64=text(png(Image.new("RGB", (3, 3))))))
    (image,) = images.values()
    assert image.mode == "RGB"


LONG = '{"workflow": "' + "x" * 1_500_000 + '"}'


def test_texts_and_profiles_of_any_size_are_skipped() -> None:
    info = PngInfo()
    info.add_text("workflow", LONG, zip=True)
    info.add_text("prompt", LONG)
    info.add_itxt("parameters", LONG, zip=True)
    image = Image.new("RGB", (64, 64), (1, 2, 3))
    data = png(image, pnginfo=info, icc_profile=b"\0" * 3_000_000)
    # Many together are more than Pillow reads of all texts.
    data = data[:33] + chunk(b"zTXt", b"k\0\0" + zlib.compress(b"y" * 1_000_000)) * 80 + data[33:]
    assert decoded("init_image_base64", data).tobytes() == image.tobytes()


def test_how_a_camera_was_held_is_read_from_a_text_too() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    for data in (png(Image.new("RGB", (40, 20)), exif=exif), with_exif_as_text(exif.tobytes())):
        assert decoded("x", data).size == (20, 40)


def with_exif_as_text(exif: bytes) -> bytes:
    lines = f"\nexif\n{len(exif):8}\n{exif.hex()}\n".encode()
    data = png(Image.new("RGB", (40, 20)))
    return data[:33] + chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(lines)) + data[33:]


def test_an_exif_that_is_damaged_turns_nothing() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 20)).save(
        buffer, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01" + b"\xff" * 40
    )
    assert decoded("x", buffer.getvalue()).size == (40, 20)


def test_a_bomb_is_refused_whatever_its_texts() -> None:
    info = PngInfo()
    info.add_text("workflow", LONG, zip=True)
    with pytest.raises(BadRequest, match="2000x2000 is too large"):
        decoded("x", png(Image.new("1", (2000, 2000)), pnginfo=info))


@pytest.mark.parametrize("cut", [8, 20, 40, 60])
def test_a_png_that_is_cut_off_is_refused(cut: int) -> None:
    info = PngInfo()
    info.add_text("k", "text" * 100)
    with pytest.raises(BadRequest, match="not a readable image"):
        decoded("x", png(Image.effect_noise((64, 64), 50), pnginfo=info)[:cut])


@pytest.mark.parametrize(
    ("size", "fits"), [((2, 30_000), False), ((30_000, 2), False), ((7, 64), False), ((8, 8), True)]
)
async def test_a_reference_image_that_would_shrink_to_nothing_is_refused(
    tmp_path: Path, size: tuple[int, int], fits: bool
) -> None:
    request = Txt2ImgRequest(prompt="x", ref_images=[text(png(Image.new("1", size)))])
    if fits:
        assert (await stored(tmp_path, request))[1] == []
        return
    with pytest.raises(BadRequest, match=f"ref_images: {size[0]}x{size[1]} is too narrow"):
        await stored(tmp_path, request)
