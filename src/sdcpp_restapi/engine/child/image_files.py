"""Writing images: what is done to them after the engine's call, and the text that they carry."""

import json
import os
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageFilter
from PIL.PngImagePlugin import PngInfo

from ... import __version__
from ...errors import JobFailed
from ...schemas.engine import Generation
from ...schemas.generation import ImageRequest, Img2ImgRequest
from ..binding import image_buffers

# zlib level, measured with Pillow 13 on 1024x1024 of smooth shapes with mild noise: level 1 takes 0.10 s
# for 1995 kB, level 6 takes 0.19 s for 1759 kB. The files are written while the engine waits.
PNG_LEVEL = 1
JPEG_QUALITY = 95
WEBP_QUALITY = 90
SUFFIXES = {"png": "png", "jpeg": "jpg", "webp": "webp"}
# Tags of EXIF: the folder with details of the exposure, and the comment in it.
_EXIF_FOLDER, _USER_COMMENT = 0x8769, 0x9286
# A JPEG keeps its EXIF in one segment of 64 KiB. Longer texts are left out (of a WebP too): see config.json.
_LONGEST_COMMENT = 65_000
# Pixels over which inpainting fades into the image that was there before.
FEATHER = 4


def composite_inpainting(image: Image.Image, files: dict[str, list[str]]) -> Image.Image:
    """Put the init image's own pixels over an inpainted image where the mask is black.

    Within FEATHER pixels of them, the white side fades in. Gray counts as the nearer of the two, as the
    engine reads it.
    """
    (init,), (mask,) = files["init_image_base64"], files["mask_image_base64"]
    kept = image_buffers.open_image(init, image.mode, image.size)
    painted = image_buffers.open_image(mask, "L", image.size).point(lambda level: 255 * (level >= 128))
    # Each erosion is one pixel further from what is kept; as many of them as a pixel survives it counts.
    part = 255 // (FEATHER + 1)
    share = painted.point(lambda level: level and part)
    for _ in range(FEATHER):
        painted = painted.filter(ImageFilter.MinFilter(3))
        share = ImageChops.add(share, painted.point(lambda level: level and part))
    return Image.composite(image, kept, share)


def write_image(image: Image.Image, path: Path, parameters: str, output_format: str = "png") -> None:
    """Write a file in one step; `parameters` goes in as text that other tools read.

    It has a temporary name until it is complete.
    """
    if output_format == "png":
        options: dict[str, Any] = {"compress_level": PNG_LEVEL, "pnginfo": _build_png_text(parameters)}
    else:
        quality = JPEG_QUALITY if output_format == "jpeg" else WEBP_QUALITY
        options = {"quality": quality, "exif": _build_exif(parameters)}
    if output_format == "jpeg" and image.mode == "RGBA":
        image = image.convert("RGB")
    unfinished = path.with_name(f".{path.name}.tmp")
    image.save(unfinished, output_format, **options)
    os.replace(unfinished, path)


def write_result(
    image: Image.Image, folder: Path, name: str, parameters: str, output_format: str = "png"
) -> str:
    """Write an image into a job's folder; the file's name with its suffix.

    Raises JobFailed, e.g. when the disk is full.
    """
    file = f"{name}.{SUFFIXES[output_format]}"
    try:
        write_image(image, folder / file, parameters, output_format)
    except (OSError, ValueError) as error:
        raise JobFailed(f"{file} cannot be written: {error}") from error
    return file


def _build_png_text(parameters: str) -> PngInfo:
    info = PngInfo()
    try:
        parameters.encode("latin-1")
        info.add_text("parameters", parameters)
    except UnicodeEncodeError:
        info.add_itxt("parameters", parameters)
    return info


def _build_exif(parameters: str) -> bytes:
    exif = Image.Exif()
    comment = b"UNICODE\0" + parameters.encode("utf-16-be", "replace")
    if len(comment) <= _LONGEST_COMMENT:
        exif.get_ifd(_EXIF_FOLDER)[_USER_COMMENT] = comment
    return exif.tobytes()


def format_parameters(command: Generation, seed: int, size: tuple[int, int]) -> str:
    """The text that the A1111 web UI writes into its files: prompts, and one line of settings.

    The prompt keeps its LoRA tags, and LoRAs given beside it are added as tags.
    """
    params = command.params
    tags = [f"<lora:{'|high_noise|' * use.high_noise}{use.name}:{use.weight:g}>" for use in params.loras]
    lines = [" ".join([params.prompt, *tags])]
    if params.negative_prompt:
        lines.append(f"Negative prompt: {params.negative_prompt}")
    settings = _list_settings(command, seed, size)
    lines.append(", ".join(f"{name}: {quote(value)}" for name, value in settings.items()))
    return "\n".join(lines)


def _list_settings(command: Generation, seed: int, size: tuple[int, int]) -> dict[str, str]:
    params = command.params
    settings = {
        "Steps": str(params.steps),
        "Sampler": params.sampler,
        "Schedule type": params.scheduler,
        "CFG scale": f"{params.cfg_scale:g}",
        "Distilled CFG Scale": f"{params.distilled_guidance:g}",
        "Seed": str(seed),
        "Size": f"{size[0]}x{size[1]}",
        "Model": command.model_name,
    }
    if isinstance(params, ImageRequest) and params.hires:
        wide, high = params.made_size
        settings |= {
            "Size": f"{params.width}x{params.height}",
            "Denoising strength": f"{params.hires_strength:g}",
            "Hires resize": f"{wide}x{high}",
            "Hires steps": str(params.hires_steps),
            "Hires upscaler": params.hires_upscaler,
        }
    if isinstance(params, Img2ImgRequest):
        settings["Denoising strength"] = f"{params.strength:g}"
    if params.clip_skip > 0:
        settings["Clip skip"] = str(params.clip_skip)
    if params.eta:
        settings["Eta"] = f"{params.eta:g}"
    settings["Version"] = f"sdcpp-restapi {__version__}"
    return settings


def quote(value: str) -> str:
    """A value for the line of settings, in quotation marks where it needs them."""
    # As A1111 does: its readers split the line at commas and colons.
    return json.dumps(value, ensure_ascii=False) if set(value) & set(',:\n"') else value
