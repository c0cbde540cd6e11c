"""What an architecture, and a model as it was loaded, make of a request: refused, changed with a warning, or
left as it is."""

from ...errors import BadRequest
from ...schemas.generation import ImageRequest, Img2ImgRequest, Txt2ImgRequest
from ...schemas.models import LoadRequest
from ...schemas.options import Architecture
from ...schemas.video import Txt2VidRequest

Params = Txt2ImgRequest | Img2ImgRequest | Txt2VidRequest


def fit_to_architecture(request: Params, architecture: Architecture, warnings: list[str]) -> Params:
    """The request as the architecture can carry it out, telling what was changed."""
    _check_kind(request, architecture)
    _check_shape("width and height", (request.width, request.height), architecture)
    ignored = [field for field in architecture.ignores if field in request.model_fields_set]
    warnings += [f"{field} has no effect on {architecture.name}" for field in ignored]
    multiple = architecture.size_multiple
    width, height = (-(-side // multiple) * multiple for side in (request.width, request.height))
    if (width, height) != (request.width, request.height):
        warnings.append(
            f"size {request.width}x{request.height} was rounded up to {width}x{height}:"
            f" {architecture.name} needs multiples of {multiple}"
        )
    request = request.model_copy(update={"width": width, "height": height})
    if isinstance(request, Txt2VidRequest):
        return _in_groups(request, architecture, warnings)
    _warn_of_vain(request, architecture, warnings)
    return _second_pass(request, architecture)


def set_flow_shift(request: Params, model: LoadRequest) -> Params:
    """The request with the flow shift that the model was loaded with, if a video names none of its own."""
    if not isinstance(request, Txt2VidRequest) or "flow_shift" in request.model_fields_set:
        return request
    shift = model.options.flow_shift
    return request.model_copy(update={"flow_shift": shift}) if shift else request


def warn_of_missing(request: Params, model: LoadRequest, warnings: list[str]) -> None:
    """Name the fields that need a component which the model was loaded without."""
    if isinstance(request, Txt2VidRequest):
        pair = sorted(
            name
            for name in request.model_fields_set
            if name.startswith("high_noise_") or name == "moe_boundary"
        )
        if pair and not model.high_noise_diffusion_model:
            warnings.append(
                f"{', '.join(pair)}: no effect, the model was loaded without high_noise_diffusion_model"
            )
        return
    if request.control_image_base64 and not model.controlnet:
        warnings.append("control_image_base64 has no effect: the model was loaded without a ControlNet")
    if (request.pm_id_images or request.pm_id_embed_path) and not model.photo_maker:
        warnings.append("pm_id_images has no effect: the model was loaded without photo_maker")


def _check_shape(fields: str, size: tuple[int, int], architecture: Architecture) -> None:
    if architecture.square_only and size[0] != size[1]:
        raise BadRequest(
            f"{fields}: {size[0]}x{size[1]} is not allowed; {architecture.name} makes square images only"
        )


def _check_kind(request: Params, architecture: Architecture) -> None:
    makes_videos, wants_video = architecture.makes == "videos", isinstance(request, Txt2VidRequest)
    if makes_videos and not wants_video:
        raise BadRequest(f"The model ({architecture.name}) makes videos, not images: use /txt2vid")
    if wants_video and not makes_videos:
        raise BadRequest(
            f"The model ({architecture.name}) makes images, not videos: use /txt2img or /img2img"
        )


def _warn_of_vain(request: ImageRequest, architecture: Architecture, warnings: list[str]) -> None:
    if request.shifted_timestep and not architecture.shifts_timestep:
        warnings.append(f"shifted_timestep has no effect on {architecture.name}")
    cache = "easycache" if request.easycache else request.cache_mode
    if cache and cache != "spectrum" and (cache == "ucache") != architecture.unet:
        warnings.append(f"{cache} has no effect on {architecture.name}")


def _second_pass[R: ImageRequest](request: R, architecture: Architecture) -> R:
    """With the size of the second pass told."""
    if not request.hires:
        return request
    multiple = architecture.size_multiple
    width, height = (-(-side // multiple) * multiple for side in request.made_size)
    _check_shape("hires_width and hires_height", (width, height), architecture)
    return request.model_copy(update={"hires_width": width, "hires_height": height})


def _in_groups(request: Txt2VidRequest, architecture: Architecture, warnings: list[str]) -> Txt2VidRequest:
    group = architecture.frame_group
    frames = -(-(request.video_frames - 1) // group) * group + 1
    if frames != request.video_frames:
        warnings.append(
            f"video_frames {request.video_frames} was rounded up to {frames}:"
            f" {architecture.name} makes a multiple of {group}, plus 1"
        )
    return request.model_copy(update={"video_frames": frames})
