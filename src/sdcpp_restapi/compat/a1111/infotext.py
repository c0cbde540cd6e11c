"""The text of parameters in a picture: read from a file, taken apart, and the `info` of an answer."""

import io
import json
import re
import struct
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from PIL import ExifTags, Image
from PIL.Image import DecompressionBombError

from ...schemas.generation import ImageRequest, Img2ImgRequest
from ...schemas.jobs import JobView
from .names import show_sampler, show_scheduler
from .requests import DrawRequest

_FORMATS = ("PNG", "JPEG", "WEBP")
_LONGEST = 2**20
_PAIR = re.compile(r'\s*(\w[\w \-/]{0,60}):\s*("(?:\\.|[^\\"]){0,5000}"|[^,]*)(?:,|$)')
_SIZE = re.compile(r"(\d+)x(\d+)")
_NEGATIVE = "Negative prompt:"
# Fewer pairs than these are text that happens to have a colon.
_FEWEST_PAIRS = 3


def read_texts(data: bytes) -> dict[str, str] | None:
    """The texts of a picture by name, "parameters" among them where it has any; pixels are not decoded.

    None for what is no picture.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            texts = {str(name): value for name, value in image.info.items() if isinstance(value, str)}
            comment = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment, b"")
    except (OSError, SyntaxError, ValueError, TypeError, LookupError, struct.error, DecompressionBombError):
        return None
    if isinstance(comment, bytes) and len(comment) > 8:
        encoding = "utf-16-be" if comment[:8] == b"UNICODE\0" else "utf-8"
        texts.setdefault("parameters", comment[8:].decode(encoding, "replace"))
    return {name: text[:_LONGEST] for name, text in texts.items()}


def read_parameters(data: bytes) -> str:
    """The text of the parameters that a picture was made with; empty where there is none."""
    return (read_texts(data) or {}).get("parameters", "")


def parse_parameters(text: str) -> dict[str, str]:
    """Prompts and settings of such a text, by the names that the web UI gives them."""
    *lines, last = text.strip().split("\n") if text.strip() else [""]
    pairs = _PAIR.findall(last)
    if len(pairs) < _FEWEST_PAIRS:
        lines, pairs = [*lines, last], []
    begin = next((at for at, line in enumerate(lines) if line.strip().startswith(_NEGATIVE)), len(lines))
    negative = "\n".join(lines[begin:]).strip().removeprefix(_NEGATIVE)
    found = {"Prompt": "\n".join(lines[:begin]).strip(), "Negative prompt": negative.strip()}
    for name, value in pairs:
        value = _unquote(value.strip())
        size = _SIZE.fullmatch(value)
        found |= {f"{name}-1": size[1], f"{name}-2": size[2]} if size else {name: value}
    return found


def _unquote(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value


def build_info(
    request: DrawRequest, job: JobView, sent: ImageRequest, infotexts: Sequence[str], warnings: Sequence[str]
) -> str:
    """The `info` of an answer: a JSON text, with the job and its warnings besides."""
    params = job.params
    count, seed = len(infotexts), int(str(params["seed"]))
    prompt, negative = str(params["prompt"]), str(params.get("negative_prompt", ""))
    denoising = params.get("strength") if isinstance(sent, Img2ImgRequest) else params.get("hires_strength")
    info: dict[str, Any] = {
        "prompt": prompt,
        "all_prompts": [prompt] * count,
        "negative_prompt": negative,
        "all_negative_prompts": [negative] * count,
        "seed": seed,
        "all_seeds": [seed + number for number in range(count)],
        "subseed": request.subseed,
        "all_subseeds": [request.subseed] * count,
        "subseed_strength": 0,
        "width": params["width"],
        "height": params["height"],
        "sampler_name": show_sampler(str(params["sampler"])),
        "cfg_scale": params["cfg_scale"],
        "steps": params["steps"],
        "batch_size": request.batch_size,
        "restore_faces": False,
        "face_restoration_model": None,
        "sd_model_name": PurePosixPath(job.model).stem if job.model else None,
        "sd_model_hash": None,
        "sd_vae_name": (job.model_settings or {}).get("vae"),
        "sd_vae_hash": None,
        "seed_resize_from_w": -1,
        "seed_resize_from_h": -1,
        "denoising_strength": denoising if isinstance(sent, Img2ImgRequest) or sent.hires else None,
        "extra_generation_params": {"Schedule type": show_scheduler(str(params["scheduler"]))},
        "index_of_first_image": 0,
        "infotexts": list(infotexts),
        "styles": [],
        "job_timestamp": f"{job.timings.created_at:%Y%m%d%H%M%S}",
        "clip_skip": max(1, int(str(params["clip_skip"]))),
        "is_using_inpainting_conditioning": False,
        "job_id": job.job_id,
        "warnings": list(warnings),
    }
    return json.dumps(info, ensure_ascii=False)
