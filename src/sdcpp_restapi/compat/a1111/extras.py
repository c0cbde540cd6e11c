"""POST /extra-single-image and /extra-batch-images: pictures that are enlarged."""

import asyncio
import html
import math
from typing import Any

from fastapi import APIRouter
from PIL import Image

from ...errors import BadRequest, JobFailed
from ...schemas.jobs import JobStatus
from ...schemas.upscaling import UpscaleRequest, UpscalerRequest
from . import pictures
from .checkpoints import find_by_name, list_entries
from .errors import rename_fields
from .names import PLAIN_UPSCALERS
from .requests import ExtrasBatch, ExtrasRequest, ExtrasSingle
from .told import tell_idle_fields
from .webui import Webui, WebuiState

router = APIRouter(tags=["Upscaling"])

_RESAMPLING = {"lanczos": Image.Resampling.LANCZOS, "nearest": Image.Resampling.NEAREST}
_LEAVES_ALONE = "none"
_LARGEST_FACTOR = 16


@router.post("/extra-single-image")
async def extra_single_image(body: ExtrasSingle, webui: WebuiState) -> dict[str, Any]:
    """Enlarge a picture; answers when it is there."""
    told = tell_idle_fields(body)
    image = await _enlarge_all(webui, body, body.image, told)
    return {"image": image, "html_info": _as_html(told)}


@router.post("/extra-batch-images")
async def extra_batch_images(body: ExtrasBatch, webui: WebuiState) -> dict[str, Any]:
    """Enlarge pictures one after the other; answers when all are there."""
    told = tell_idle_fields(body)
    images = [await _enlarge_all(webui, body, one.data, told) for one in body.imageList]
    return {"images": images, "html_info": _as_html(told)}


async def _enlarge_all(webui: Webui, how: ExtrasRequest, text: str, told: list[str]) -> str:
    """A picture put through both upscalers, as base64; `told` gets what of it did not act."""
    state = webui.server
    image = await state.decoding.run(_open, webui, text)
    made = await _enlarge(webui, how, "upscaler_1", text, image, told)
    share = how.extras_upscaler_2_visibility
    if share > 0 and how.upscaler_1.casefold() != _LEAVES_ALONE != how.upscaler_2.casefold():
        second = await _enlarge(webui, how, "upscaler_2", text, image, told)
        made = await asyncio.to_thread(Image.blend, made, second, share)
    return pictures.as_base64(await asyncio.to_thread(pictures.encode, made))


def _open(webui: Webui, text: str) -> Image.Image:
    with pictures.opened(webui.server, "image", text) as image:
        return image.convert("RGB")


async def _enlarge(
    webui: Webui, how: ExtrasRequest, field: str, text: str, image: Image.Image, told: list[str]
) -> Image.Image:
    """A picture put through the upscaler that a field names."""
    upscaler: str = getattr(how, field)
    name = upscaler.strip().casefold()
    if name == _LEAVES_ALONE:
        return image
    factor = _find_factor(how, image.size)
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    _check_size(webui, size)
    plain = {one.casefold(): engine for one, engine in PLAIN_UPSCALERS.items()}
    if name in plain:
        made = await asyncio.to_thread(image.resize, size, _RESAMPLING[plain[name]])
    else:
        entry = find_by_name(field, upscaler, await list_entries(webui.server, "esrgan"))
        made = await _run_upscaler(webui, entry.name, text, factor, told)
    return await asyncio.to_thread(_fit, made, size, how)


def _find_factor(how: ExtrasRequest, size: tuple[int, int]) -> float:
    if how.resize_mode == 0:
        return how.upscaling_resize
    return max(how.upscaling_resize_w / size[0], how.upscaling_resize_h / size[1])


def _check_size(webui: Webui, size: tuple[int, int]) -> None:
    most = webui.server.settings.limits.max_pixels
    if size[0] * size[1] > most:
        raise BadRequest(
            f"upscaling_resize: {size[0]}x{size[1]} is not allowed; at most {most} pixels"
            " (setting limits.max_pixels)",
            "upscaling_resize",
        )


async def _run_upscaler(webui: Webui, model: str, text: str, factor: float, told: list[str]) -> Image.Image:
    """What an ESRGAN makes of a picture, by the next whole factor. It is the loaded upscaler from then on."""
    state = webui.server
    async with webui.upscaling:
        if state.upscaler.name != model:
            await state.upscaler.load(UpscalerRequest(model_name=model))
        whole = min(max(math.ceil(factor), 1), _LARGEST_FACTOR)
        accepted = await state.upscales.submit(UpscaleRequest(image_base64=text, upscale_factor=whole))
    with webui.drawings.waiting_for(accepted.job_id, None):
        job = await state.watch.wait_for_end(accepted.job_id)
    if job.status is JobStatus.CANCELLED:
        raise BadRequest("The job was cancelled")
    if job.status is JobStatus.FAILED:
        raise JobFailed(job.error)
    told += [rename_fields(one) for one in job.warnings or () if rename_fields(one) not in told]
    (file,) = await asyncio.to_thread(pictures.read_outputs, state, job)
    return await asyncio.to_thread(pictures.read_made, file)


def _fit(image: Image.Image, size: tuple[int, int], how: ExtrasRequest) -> Image.Image:
    image = pictures.resize(image, size)
    if how.resize_mode == 1 and how.upscaling_crop:
        return pictures.resize(
            image, (how.upscaling_resize_w, how.upscaling_resize_h), pictures.CROP_AND_RESIZE
        )
    return image


def _as_html(told: list[str]) -> str:
    return "".join(f"<p>{html.escape(one)}</p>" for one in told)
