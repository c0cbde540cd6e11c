"""From a request of the web UI's API to the fields of one of ours, without its pictures and its model."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ...api.error_handlers import validate
from ...errors import BadRequest
from ...jobs.submit.ineffective_reasons import ETA_SAMPLERS
from ...schemas.generation import Img2ImgRequest, Txt2ImgRequest
from ...schemas.jobs import JobType
from ...schemas.models import ModelEntry
from .checkpoints import find_by_name
from .names import LATENT_UPSCALERS, PLAIN_UPSCALERS, Sampling, find_sampling
from .options import OptionChanges
from .requests import DrawRequest, Img2Img, Txt2Img
from .told import tell_idle_fields, tell_other_scripts, tell_prompt_syntax

_DDIM = "ddim_trailing"
# 0 means "the sampler's own" to the engine: this much is none.
_NO_ETA = 1e-6
_LEAST_STRENGTH = 0.01
_NO_UPSCALER = "Latent"


class TranslatedRequest(NamedTuple):
    """The fields of our request, and sentences on what does not act."""

    fields: dict[str, Any]
    told: list[str]


def translate(
    request: Txt2Img | Img2Img,
    options: OptionChanges,
    upscalers: Sequence[ModelEntry],
    *,
    defaults: bool,
    automatic: bool,
) -> TranslatedRequest:
    """`options` are those that hold for the request, `upscalers` the ESRGAN models.

    `defaults`: whether what is not given is the web UI's default, and not left to the model's preset.
    `automatic`: whether the scheduler "Automatic" is that of the sampler, which was made for UNets.

    Raises BadRequest naming the field.
    """
    if request.script_name not in ("", "None"):
        raise BadRequest(
            f"script_name: {request.script_name!r} was not found; there are no scripts", "script_name"
        )
    sampling = find_sampling(request.sampler_name or request.sampler_index, request.scheduler)
    told = [*tell_idle_fields(request), *tell_other_scripts(request.alwayson_scripts)]
    told += [*tell_prompt_syntax(request), *options.tell_idle()]
    fields = _translate_common(request, options, sampling)
    if sampling.scheduler or (automatic and sampling.sampler.scheduler):
        fields["scheduler"] = sampling.scheduler or sampling.sampler.scheduler
    if isinstance(request, Txt2Img) and request.enable_hr:
        fields |= _translate_second_pass(request, upscalers)
        told += _tell_second_pass(request, sampling)
    if isinstance(request, Img2Img):
        fields["strength"] = request.denoising_strength
        if "image_cfg_scale" in request.model_fields_set:
            fields["img_cfg_scale"] = request.image_cfg_scale
        if request.mask and request.inpainting_fill > 1:
            told.append(
                f"inpainting_fill: {request.inpainting_fill} became 0: the engine does not start from latents"
            )
    if not defaults:
        fields = {name: value for name, value in fields.items() if _is_asked_for(name, request)}
    return TranslatedRequest(fields, told)


# Our fields with a default of the web UI's that is not ours -> the client's fields that ask for it.
_HAVE_DEFAULTS = {
    "steps": {"steps"},
    "cfg_scale": {"cfg_scale"},
    "width": {"width"},
    "height": {"height"},
    "sampler": {"sampler_name", "sampler_index"},
    "scheduler": {"sampler_name", "sampler_index", "scheduler"},
}


def _is_asked_for(name: str, request: DrawRequest) -> bool:
    askers = _HAVE_DEFAULTS.get(name)
    return askers is None or bool(askers & request.model_fields_set)


def _translate_common(request: DrawRequest, options: OptionChanges, sampling: Sampling) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "seed": request.seed,
        "sampler": sampling.sampler.engine,
        "steps": request.steps,
        "cfg_scale": request.cfg_scale,
        "width": request.width,
        "height": request.height,
        "batch_count": request.batch_size * request.n_iter,
        # So that an interrupt leaves what is finished.
        "keep_finished": request.batch_size * request.n_iter > 1,
        "output_format": options.samples_format,
    }
    clip_skip = request.clip_skip if request.clip_skip > 0 else options.CLIP_stop_at_last_layers
    if clip_skip > 1:  # 1 is the web UI's word for the model's own
        fields["clip_skip"] = clip_skip
    if request.tiling or ("tiling" not in request.model_fields_set and options.tiling):
        fields |= {"circular_x": True, "circular_y": True}
    if "distilled_cfg_scale" in request.model_fields_set:
        fields["distilled_guidance"] = request.distilled_cfg_scale
    eta = _find_eta(request, options, sampling.sampler.engine)
    if eta is not None:
        fields["eta"] = eta
    fields["loras"] = [
        {"name": one.path, "weight": one.multiplier, "high_noise": one.is_high_noise} for one in request.lora
    ]
    if request.extra_images:
        fields["ref_images"] = request.extra_images
    return {name: value for name, value in fields.items() if value != []}


def _find_eta(request: DrawRequest, options: OptionChanges, sampler: str) -> float | None:
    """None where the sampler's own is meant: the web UI's default is 1, and 0 for DDIM."""
    given = request.eta if request.eta is not None else _eta_option(options, sampler)
    if given is None:
        return None
    if sampler not in ETA_SAMPLERS:
        return None if given in (0.0, 1.0) else given  # what is left is told as without effect
    return given or _NO_ETA


def _eta_option(options: OptionChanges, sampler: str) -> float | None:
    if sampler not in ETA_SAMPLERS:
        return None
    name = "eta_ddim" if sampler == _DDIM else "eta_ancestral"
    return float(getattr(options, name)) if name in options.model_fields_set else None


def _translate_second_pass(request: Txt2Img, upscalers: Sequence[ModelEntry]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "hires": True,
        "hires_scale": request.hr_scale,
        "hires_width": request.hr_resize_x,
        "hires_height": request.hr_resize_y,
        "hires_steps": request.hr_second_pass_steps,
        **_find_upscaler(request.hr_upscaler or _NO_UPSCALER, upscalers),
    }
    if request.denoising_strength is not None:
        fields["hires_strength"] = max(request.denoising_strength, _LEAST_STRENGTH)
    return fields


def _find_upscaler(wanted: str, upscalers: Sequence[ModelEntry]) -> dict[str, Any]:
    plain = {name.casefold(): engine for name, engine in {**LATENT_UPSCALERS, **PLAIN_UPSCALERS}.items()}
    engine = plain.get(wanted.strip().casefold())
    if engine is not None:
        return {"hires_upscaler": engine}
    try:
        model = find_by_name("hr_upscaler", wanted, upscalers)
    except BadRequest as error:
        names = ", ".join([*LATENT_UPSCALERS, *PLAIN_UPSCALERS])
        raise BadRequest(f"{error}; besides {names}", "hr_upscaler") from error
    return {"hires_upscaler": "model", "hires_model": model.name}


def _tell_second_pass(request: Txt2Img, sampling: Sampling) -> Iterator[str]:
    for field, ours in (("hr_prompt", request.prompt), ("hr_negative_prompt", request.negative_prompt)):
        if getattr(request, field) not in ("", ours):
            yield f"{field} has no effect: both passes have one prompt"
    same = {"", "Use same sampler", sampling.sampler.label, request.sampler_name or request.sampler_index}
    if request.hr_sampler_name not in same:
        yield "hr_sampler_name has no effect: both passes have one sampler"
    wide, high = request.hr_resize_x, request.hr_resize_y
    if wide and high and wide * request.height != high * request.width:
        yield (
            f"hr_resize_x and hr_resize_y: {wide}x{high} has other proportions than"
            f" {request.width}x{request.height}; the picture is stretched, not cropped"
        )
    if request.denoising_strength is not None and request.denoising_strength < _LEAST_STRENGTH:
        yield (
            f"denoising_strength: {request.denoising_strength:g} became {_LEAST_STRENGTH}, which is the least"
        )


def build_request(
    request: Txt2Img | Img2Img, fields: dict[str, Any]
) -> tuple[JobType, Txt2ImgRequest | Img2ImgRequest]:
    """The type of the job, and its request. Raises RequestValidationError for what our API does not take."""
    if isinstance(request, Txt2Img):
        return "txt2img", validate(Txt2ImgRequest, fields)
    return "img2img", validate(Img2ImgRequest, fields)
