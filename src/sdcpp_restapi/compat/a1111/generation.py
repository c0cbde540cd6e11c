"""POST /txt2img and /img2img: a job of the queue, and an answer once it has ended."""

import asyncio
from contextlib import suppress
from typing import Any, NamedTuple

from fastapi import APIRouter

from ...api.app_state import AppState
from ...api.error_handlers import SECRETS
from ...errors import BadRequest, JobFailed
from ...jobs.submit.ineffective_reasons import UNETS
from ...schemas.jobs import JobStatus, JobView
from . import inpainting, pictures
from .checkpoints import find_wanted, list_entries
from .controlnet import Control, read_control
from .drawings import Drawing
from .errors import rename_fields
from .infotext import build_info, read_parameters
from .option_routes import apply_changes
from .options import read_overrides
from .requests import Img2Img, Txt2Img
from .translation import build_request, translate
from .webui import Webui, WebuiState

router = APIRouter(tags=["Generation"])

_FILE_FORMATS = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}
_SKIPPED = "skip: the job was ended, an image of a batch can't be left out alone"
# Seconds, beside those that a cancelled job gets to stop, until its finished images are there.
_KEPT_WITHIN = 5.0


class ImageInputs(NamedTuple):
    """The image fields of our request, whether its pictures go into a whole one, and what is to be told."""

    fields: dict[str, Any]
    inpainted: bool = False
    told: tuple[str, ...] = ()


@router.post("/txt2img")
async def txt2img(body: Txt2Img, webui: WebuiState) -> dict[str, Any]:
    """Draw pictures; answers when they are there."""
    return await _draw(body, webui)


@router.post("/img2img")
async def img2img(body: Img2Img, webui: WebuiState) -> dict[str, Any]:
    """Draw pictures that start from one; answers when they are there."""
    return await _draw(body, webui)


async def _draw(body: Txt2Img | Img2Img, webui: Webui) -> dict[str, Any]:
    state = webui.server
    overrides = read_overrides(body.override_settings)
    if not body.override_settings_restore_afterwards:
        await apply_changes(webui, overrides)
    options = webui.options.with_overrides(overrides)
    control = read_control(body.alwayson_scripts, body.init_images[0] if isinstance(body, Img2Img) else None)
    model = await find_wanted(state, options, control.model if control else None)
    architecture = None if model else state.model.architecture()
    translation = translate(
        body,
        options,
        await list_entries(state, "esrgan"),
        defaults=not state.settings.generation.use_architecture_defaults,
        automatic=architecture is None or architecture.name in UNETS,
    )
    inputs = await state.decoding.run(_prepare_inputs, state, body, control)
    fields = {**translation.fields, **inputs.fields, **({"model": model} if model else {})}
    job_type, request = build_request(body, fields)
    told = [*translation.told, *inputs.told, *(control.told if control else ())]
    accepted = await state.generations.submit(job_type, request, told=told)
    with webui.drawings.waiting_for(accepted.job_id, body.force_task_id) as drawing:
        job = await _wait(state, drawing)
    files = await asyncio.to_thread(pictures.read_outputs, state, job)
    if inputs.inpainted:
        assert isinstance(body, Img2Img)
        files = await state.decoding.run(_finish_all, state, body, files, request.output_format)
    warnings = [rename_fields(one) for one in job.warnings or ()]
    warnings += [_SKIPPED] if drawing.skipped and body.batch_size * body.n_iter > 1 else []
    infotexts = [read_parameters(file) for file in files]
    return {
        "images": [pictures.as_base64(file) for file in files] if body.send_images else [],
        "parameters": _echo(body),
        "info": build_info(body, job, request, infotexts, warnings),
    }


async def _wait(state: AppState, drawing: Drawing) -> JobView:
    """The job at its end. Raises JobFailed, JobNotFound."""
    job = await state.watch.wait_for_end(drawing.job_id)
    if job.status is JobStatus.FAILED:
        raise JobFailed(job.error)
    if job.status is JobStatus.CANCELLED and drawing.finished and not job.outputs:
        # What was finished appears once the engine has stopped.
        with suppress(TimeoutError):
            async with asyncio.timeout(state.settings.engine.cancel_grace + _KEPT_WITHIN):
                await drawing.kept.wait()
        job = await state.queue.get(drawing.job_id)
    return job


# ---------------------------------------------------------------- in threads


def _prepare_inputs(state: AppState, body: Txt2Img | Img2Img, control: Control | None) -> ImageInputs:
    inputs = _prepare_init(state, body) if isinstance(body, Img2Img) else ImageInputs({})
    if control is None:
        return inputs
    image = control.image
    if control.resize_mode != pictures.JUST_RESIZE:
        with pictures.opened(state, "controlnet image", image) as picture:
            fitted = pictures.resize(picture, (body.width, body.height), control.resize_mode)
            image = pictures.as_base64(pictures.encode(fitted))
    fields = {"control_image_base64": image, "control_strength": control.strength}
    return inputs._replace(fields={**inputs.fields, **fields})


def _prepare_init(state: AppState, body: Img2Img) -> ImageInputs:
    size = (body.width, body.height)
    (init,) = body.init_images
    if init.startswith(("http://", "https://")):
        raise BadRequest("init_images: addresses are not fetched; send the picture as base64", "init_images")
    stretched = body.resize_mode not in (pictures.CROP_AND_RESIZE, pictures.RESIZE_AND_FILL)
    if not body.mask and stretched:
        return ImageInputs({"init_image_base64": init})
    if not body.mask:
        with pictures.opened(state, "init_images", init) as picture:
            fitted = pictures.resize(picture, size, body.resize_mode)
            return ImageInputs({"init_image_base64": pictures.as_base64(pictures.encode(fitted))})
    prepared = _inpaint(state, body)
    if prepared is None:
        return ImageInputs({"init_image_base64": init}, told=("mask has no effect: nothing in it is white",))
    return ImageInputs(
        {
            "init_image_base64": pictures.as_base64(pictures.encode(prepared.image)),
            "mask_image_base64": pictures.as_base64(pictures.encode(prepared.mask)),
            "mask_composite": False,
        },
        inpainted=True,
    )


def _inpaint(state: AppState, body: Img2Img) -> inpainting.PreparedInpainting | None:
    # One after the other: whoever held one picture while waiting for the other could wait for its like.
    with pictures.opened(state, "init_images", body.init_images[0]) as picture:
        image = picture.convert("RGB")
    with pictures.opened(state, "mask", body.mask or "", "mask") as mask:
        return inpainting.prepare(image, mask, _describe_inpainting(body))


def _describe_inpainting(body: Img2Img) -> inpainting.Inpainting:
    return inpainting.Inpainting(
        size=(body.width, body.height),
        resize_mode=body.resize_mode,
        blur=body.blur,
        fill=body.inpainting_fill,
        only_masked=body.inpaint_full_res,
        padding=body.inpaint_full_res_padding,
        inverted=body.inpainting_mask_invert,
    )


def _finish_all(state: AppState, body: Img2Img, files: list[bytes], output_format: str) -> list[bytes]:
    """Pictures of the engine put into the whole one, which was not kept while the job waited."""
    prepared = _inpaint(state, body)
    assert prepared is not None
    file_format = _FILE_FORMATS[output_format]
    return [
        pictures.encode(prepared.finish(pictures.read_made(file)), file_format, read_parameters(file))
        for file in files
    ]


def _echo(body: Txt2Img | Img2Img) -> dict[str, Any]:
    """The request as it was understood, without secrets, and without pictures unless they are wanted."""
    shown = body.model_dump(mode="json", exclude=set(SECRETS))
    if isinstance(body, Img2Img) and not body.include_init_images:
        shown |= {"init_images": None, "mask": None}
    return shown
