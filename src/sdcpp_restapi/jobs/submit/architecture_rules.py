"""What an architecture, and a model as it was loaded, make of a request: refused, changed with a warning, or
left as it is. What does nothing on it is told by ineffective_fields.py."""

from ...errors import BadRequest
from ...schemas.generation import ImageRequest, Img2ImgRequest, Txt2ImgRequest
from ...schemas.models import LoadRequest
from ...schemas.options import Architecture
from ...schemas.video import Txt2VidRequest

Params = Txt2ImgRequest | Img2ImgRequest | Txt2VidRequest


# Places that the motion modules of AnimateDiff know.
MOST_ANIMATED_FRAMES = 32


def fit_to_architecture(
    request: Params, architecture: Architecture, model: LoadRequest, warnings: list[str]
) -> Params:
    """The request as the architecture can carry it out, telling what was changed."""
    animated = model.motion_module is not None
    _check_kind(request, architecture, animated=animated)
    _check_references(request, architecture)
    _check_scheduler(request, architecture)
    _check_adetail(request, architecture)
    _check_shape("width and height", (request.width, request.height), architecture)
    multiple = architecture.size_multiple
    width, height = (-(-side // multiple) * multiple for side in (request.width, request.height))
    if (width, height) != (request.width, request.height):
        warnings.append(
            f"size {request.width}x{request.height} was rounded up to {width}x{height}:"
            f" {architecture.name} needs multiples of {multiple}"
        )
    request = request.model_copy(update={"width": width, "height": height})
    if isinstance(request, Txt2VidRequest):
        return _check_animated(request) if animated else _in_groups(request, architecture, warnings)
    return _second_pass(request, architecture)


def set_flow_shift(request: Params, model: LoadRequest) -> Params:
    """The request with the flow shift that the model was loaded with, if a video names none of its own."""
    if not isinstance(request, Txt2VidRequest) or "flow_shift" in request.model_fields_set:
        return request
    shift = model.options.flow_shift
    return request.model_copy(update={"flow_shift": shift}) if shift else request


def set_high_noise_guidance(request: Params, model: LoadRequest) -> Params:
    """The request without guidance of the high-noise model of a pair, if it asks for none of either model.

    cfg_scale 1 is for models that were distilled to do without; the default of the other scale is not.
    """
    if not isinstance(request, Txt2VidRequest) or "high_noise_cfg_scale" in request.model_fields_set:
        return request
    if request.cfg_scale != 1 or not model.high_noise_diffusion_model:
        return request
    return request.model_copy(update={"high_noise_cfg_scale": 1.0})


def set_tiling(request: Params, model: LoadRequest) -> Params:
    """The request with the tiles in which its VAE will work; what it leaves open is the load's."""
    options, given = model.options, request.model_fields_set
    if not request.vae_tiling and ("vae_tiling" in given or not options.vae_tiling):
        return request
    tiles = "vae_tile_size_x", "vae_tile_size_y", "vae_tile_overlap"
    loaded = {field: getattr(options, field) for field in tiles if field not in given}
    return request.model_copy(update={"vae_tiling": True, **loaded})


def _check_shape(fields: str, size: tuple[int, int], architecture: Architecture) -> None:
    if architecture.square_only and size[0] != size[1]:
        raise BadRequest(
            f"{fields}: {size[0]}x{size[1]} is not allowed; {architecture.name} makes square images only"
        )


def _check_kind(request: Params, architecture: Architecture, *, animated: bool) -> None:
    makes_videos, wants_video = architecture.makes == "videos", isinstance(request, Txt2VidRequest)
    if makes_videos and not wants_video:
        raise BadRequest(f"The model ({architecture.name}) makes videos, not images: use /txt2vid")
    if wants_video and not makes_videos and not animated:
        raise BadRequest(
            f"The model ({architecture.name}) makes images, not videos: use /txt2img or /img2img"
        )


def _check_references(request: Params, architecture: Architecture) -> None:
    if not architecture.takes_references and isinstance(request, ImageRequest) and request.ref_images:
        raise BadRequest(
            f"ref_images: {len(request.ref_images)} are not allowed; {architecture.name} takes none:"
            " they would end the engine (an init_image_base64 for /img2img is fine)",
            field="ref_images",
        )


def _check_adetail(request: Params, architecture: Architecture) -> None:
    if isinstance(request, ImageRequest) and request.adetail and architecture.key == "MiniT2I":
        raise BadRequest(
            f"adetail: not allowed with {architecture.name}, which does not start from a picture",
            field="adetail",
        )


def _check_scheduler(request: Params, architecture: Architecture) -> None:
    if request.scheduler == "ays" and architecture.key == "SD2":
        raise BadRequest(
            f"scheduler: 'ays' is not allowed; it has no steps for {architecture.name}, and would end"
            " the engine",
            field="scheduler",
        )


def _second_pass[R: ImageRequest](request: R, architecture: Architecture) -> R:
    """With the size of the second pass told."""
    if not request.hires:
        return request
    multiple = architecture.size_multiple
    width, height = (-(-side // multiple) * multiple for side in request.made_size)
    _check_shape("hires_width and hires_height", (width, height), architecture)
    return request.model_copy(update={"hires_width": width, "hires_height": height})


def _check_animated(request: Txt2VidRequest) -> Txt2VidRequest:
    """A motion module makes any number of frames, of which the engine leaves out those beyond."""
    if request.video_frames > MOST_ANIMATED_FRAMES:
        raise BadRequest(
            f"video_frames: {request.video_frames} is not allowed; at most {MOST_ANIMATED_FRAMES} with a"
            " motion_module",
            field="video_frames",
        )
    return request


def _in_groups(request: Txt2VidRequest, architecture: Architecture, warnings: list[str]) -> Txt2VidRequest:
    group = architecture.frame_group
    frames = -(-(request.video_frames - 1) // group) * group + 1
    if frames != request.video_frames:
        warnings.append(
            f"video_frames {request.video_frames} was rounded up to {frames}:"
            f" {architecture.name} makes a multiple of {group}, plus 1"
        )
    return request.model_copy(update={"video_frames": frames})
