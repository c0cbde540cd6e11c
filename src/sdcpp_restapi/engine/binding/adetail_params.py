"""From one entry of `adetail` to the arguments of adetail_image."""

from pathlib import Path

from ...errors import JobFailed
from ...schemas.adetail import Adetail
from ...schemas.engine import Generate
from .field_rules import encode_text
from .image_params import ImageCall, build_image_params
from .library import Library
from .measurements import EDITORS
from .structs import sd_adetailer_params_t


def build_detail_params(entry: Adetail) -> sd_adetailer_params_t:
    """What is looked for, and how the masks are made of it. Keys are those of the engine's documentation."""
    arguments = {
        "confidence": entry.confidence,
        "inpaint_padding": entry.mask_padding,
        "mask_blur": entry.mask_blur,
        "dilate_erode": entry.mask_dilate,
        "mask_mode": entry.mask_mode,
        "mask_min_ratio": entry.min_area,
        "mask_max_ratio": entry.max_area,
        "mask_k_largest": entry.largest,
    }
    extra = ",".join(
        f"{key}={value:.9f}" if isinstance(value, float) else f"{key}={value}"
        for key, value in arguments.items()
    )
    return sd_adetailer_params_t(
        encode_text(entry.prompt), encode_text(entry.negative_prompt), extra.encode()
    )


def build_repair_params(
    library: Library, command: Generate, entry: Adetail, seed: int, architecture: str, flow_shift: float
) -> ImageCall:
    """How a part is drawn: as the picture was, but for what the entry says.

    The engine puts in the part and its mask. A scale for each step would be for another number of steps.
    Raises JobFailed when the detector is gone, or the model starts from no picture.
    """
    if not Path(entry.model).is_file():
        raise JobFailed(f"adetail: {entry.model} is gone")
    if architecture in EDITORS:
        raise JobFailed(f"adetail: not possible with {architecture}; leave it out")
    params = command.params
    changed = {
        "width": entry.width,
        "height": entry.height,
        "steps": entry.steps or params.steps,
        "cfg_scale": params.cfg_scale if entry.cfg_scale is None else entry.cfg_scale,
        "seed": seed,
        "batch_count": 1,
        "hires": False,
        "custom_sigmas": [],
        "guidance_schedule": [],
        "cfg_start": 0.0,
        "cfg_end": 1.0,
    }
    part = command.model_copy(update={"params": params.model_copy(update=changed), "images": {}})
    call = build_image_params(library, part, architecture, flow_shift)
    call.struct.strength = entry.strength
    return call
