"""Pictures on their way in and out of the engine: input files, preview JPEGs, and the PNGs of a job."""

import base64
import ctypes
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from .. import __version__
from ..errors import JobFailed
from ..schemas.engine import Generation
from ..schemas.generation import Img2ImgRequest
from .capi import sd_image_t

# zlib level, measured with Pillow 13 on 1024x1024 of smooth shapes with mild noise: level 1 takes 0.10 s
# for 1995 kB, level 6 takes 0.19 s for 1759 kB. The files are written while the engine waits.
PNG_LEVEL = 1
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True)
class InputImage:
    """An input in the engine's form; `pixels` keeps alive what `struct.data` points at."""

    struct: sd_image_t
    pixels: ctypes.Array[ctypes.c_uint8]


@dataclass(frozen=True)
class Jpeg:
    """A preview, ready to be sent."""

    width: int
    height: int
    base64: str


def load_input(path: str, channels: int, size: tuple[int, int] | None) -> InputImage:
    """Read a stored input as 1 or 3 channels, stretched to (width, height) if a size is given.

    Raises JobFailed when the file is gone or not a picture.
    """
    image = opened(path, _MODES[channels])
    if size is not None and image.size != size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    return as_struct(image)


def opened(path: str, mode: str) -> Image.Image:
    """A stored picture in a mode of Pillow. Raises JobFailed when the file is gone or not a picture."""
    try:
        with Image.open(path) as file:
            return file.convert(mode)
    except (OSError, SyntaxError, ValueError) as error:
        raise JobFailed(f"The input image {Path(path).name} cannot be read: {error}") from error


def as_struct(image: Image.Image) -> InputImage:
    """A picture of mode L, RGB or RGBA in the engine's form."""
    data = image.tobytes()
    pixels = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
    pointer = ctypes.cast(pixels, ctypes.POINTER(ctypes.c_uint8))
    channels = len(image.getbands())
    return InputImage(sd_image_t(image.width, image.height, channels, pointer), pixels)


def copied(struct: sd_image_t) -> Image.Image | None:
    """A picture of the engine's, copied out of its memory; None when it holds no pixels."""
    if not struct.data or struct.channel not in _MODES:
        return None
    data = ctypes.string_at(struct.data, struct.width * struct.height * struct.channel)
    return Image.frombytes(_MODES[struct.channel], (struct.width, struct.height), data)


def preview_jpeg(image: Image.Image, max_size: int, quality: int) -> Jpeg:
    """Shrink to at most max_size pixels a side and encode; small pictures are not enlarged."""
    if max(image.size) > max_size:
        image.thumbnail((max_size, max_size), Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=quality)
    return Jpeg(image.width, image.height, base64.b64encode(buffer.getvalue()).decode())


def write_png(image: Image.Image, path: Path, parameters: str) -> None:
    """Write a PNG that nobody ever sees half of; `parameters` goes in as text that other tools read."""
    info = PngInfo()
    try:
        parameters.encode("latin-1")
        info.add_text("parameters", parameters)
    except UnicodeEncodeError:
        info.add_itxt("parameters", parameters)
    unfinished = path.with_name(f".{path.name}.tmp")
    image.save(unfinished, "PNG", compress_level=PNG_LEVEL, pnginfo=info)
    os.replace(unfinished, path)


def write_job_png(image: Image.Image, folder: Path, name: str, parameters: str) -> None:
    """`write_png` into a job's folder. Raises JobFailed, e.g. when the disk is full."""
    try:
        write_png(image, folder / name, parameters)
    except OSError as error:
        raise JobFailed(f"{name} cannot be written: {error}") from error


def parameters_text(command: Generation, seed: int, size: tuple[int, int]) -> str:
    """The text that the A1111 web UI writes into its files: prompts, and one line of settings.

    The prompt keeps its LoRA tags, and LoRAs given beside it are added as tags.
    """
    params = command.params
    tags = [f"<lora:{'|high_noise|' * use.high_noise}{use.name}:{use.weight:g}>" for use in params.loras]
    lines = [" ".join([params.prompt, *tags])]
    if params.negative_prompt:
        lines.append(f"Negative prompt: {params.negative_prompt}")
    settings = _settings(command, seed, size)
    lines.append(", ".join(f"{name}: {quoted(value)}" for name, value in settings.items()))
    return "\n".join(lines)


def _settings(command: Generation, seed: int, size: tuple[int, int]) -> dict[str, str]:
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
    if isinstance(params, Img2ImgRequest):
        settings["Denoising strength"] = f"{params.strength:g}"
    if params.clip_skip > 0:
        settings["Clip skip"] = str(params.clip_skip)
    if params.eta:
        settings["Eta"] = f"{params.eta:g}"
    settings["Version"] = f"sdcpp-restapi {__version__}"
    return settings


def quoted(value: str) -> str:
    """A value of that line."""
    # As A1111 does: the line is split at commas and colons by whoever reads it.
    return json.dumps(value, ensure_ascii=False) if set(value) & set(',:\n"') else value
