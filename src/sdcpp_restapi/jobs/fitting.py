"""What an architecture makes of a request: refused, changed with a warning, or left as it is."""

from ..errors import BadRequest
from ..schemas.generation import Img2ImgRequest, Txt2ImgRequest
from ..schemas.options import Architecture

Params = Txt2ImgRequest | Img2ImgRequest


def fitted(request: Params, architecture: Architecture, warnings: list[str]) -> Params:
    """The request as the architecture can carry it out, telling what was changed."""
    if architecture.makes == "videos":
        raise BadRequest(f"The loaded model ({architecture.name}) makes videos, not images: use /txt2vid")
    if architecture.square_only and request.width != request.height:
        raise BadRequest(
            f"width and height: {request.width}x{request.height} is not allowed;"
            f" {architecture.name} makes square images only"
        )
    ignored = [field for field in architecture.ignores if field in request.model_fields_set]
    warnings += [f"{field} has no effect on {architecture.name}" for field in ignored]
    multiple = architecture.size_multiple
    width, height = (-(-side // multiple) * multiple for side in (request.width, request.height))
    if (width, height) != (request.width, request.height):
        warnings.append(
            f"size {request.width}x{request.height} was rounded up to {width}x{height}:"
            f" {architecture.name} needs multiples of {multiple}"
        )
    return request.model_copy(update={"width": width, "height": height})
