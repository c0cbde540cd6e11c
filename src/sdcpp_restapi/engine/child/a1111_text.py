"""The text that the A1111 web UI writes into its pictures, and ours carry too: prompts and settings.

Other programs read prompt and seed from it. outputs/generation_info.py reads it back.
"""

import json

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from ... import __version__
from ...schemas.engine import Generation
from ...schemas.generation import ImageRequest, Img2ImgRequest

# A JPEG keeps its EXIF in one segment of 64 KiB. Longer texts are left out (of a WebP too): see config.json.
_LONGEST_COMMENT = 65_000


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


def build_png_text(parameters: str) -> PngInfo:
    """The text as a PNG carries it."""
    info = PngInfo()
    try:
        parameters.encode("latin-1")
        info.add_text("parameters", parameters)
    except UnicodeEncodeError:
        info.add_itxt("parameters", parameters)
    return info


def build_exif(parameters: str) -> bytes:
    """The text as JPEG and WebP carry it: a comment of EXIF in UTF-16; no comment where it is too long."""
    exif = Image.Exif()
    comment = b"UNICODE\0" + parameters.encode("utf-16-be", "replace")
    if len(comment) <= _LONGEST_COMMENT:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    return exif.tobytes()
