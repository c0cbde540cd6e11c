"""From a request of Ollama's to one of ours. Facts on its fields are those of Ollama's documentation and of
its handler of image models, as of version 0.14."""

from typing import NamedTuple

from ...api.error_handlers import validate
from ...jobs.submit.ineffective_reasons import UNETS, WITH_REFERENCES
from ...schemas.generation import Img2ImgRequest, Txt2ImgRequest
from ...schemas.inspection import ModelFacts
from ...schemas.jobs import JobType
from .shapes import GenerateBody

# Of Ollama's own fields, those that only language models know.
TEXT_FIELDS = (
    "suffix", "system", "template", "context", "raw", "format", "think", "logprobs", "top_logprobs",
)  # fmt: skip
# What the sides of a picture without a size of its own are made from: as many pixels at most.
MOST_PIXELS = 1024 * 1024
# Channels of the first layer of a model that edits pictures; one that does not has 4.
_EDITS = 8


class Translated(NamedTuple):
    """A request of ours, and sentences on what of the other one does not act."""

    job_type: JobType
    request: Txt2ImgRequest | Img2ImgRequest
    warnings: list[str]


def translate(body: GenerateBody, edits: bool, picture_size: tuple[int, int] | None) -> Translated:
    """`edits`: the model takes pictures beside the prompt. `picture_size`: of the first picture.

    Raises RequestValidationError.
    """
    shape = Img2ImgRequest if body.images and not edits else Txt2ImgRequest
    fields: dict[str, object] = {
        name: value
        for name, value in body.options.items()
        if name in shape.model_fields and value is not None
    }
    if fields.get("seed") == 0:
        del fields["seed"]  # there, 0 means that none is given
    if picture_size is not None:
        fields["width"], fields["height"] = fit_size(*picture_size)
    if body.images:
        fields |= {"ref_images": body.images} if edits else {"init_image_base64": body.images[0]}
    given = {name: getattr(body, name) for name in ("width", "height", "steps")}
    fields |= {name: value for name, value in given.items() if value}
    fields |= {"prompt": body.prompt, "model": body.model, "use_architecture_defaults": True}
    fields["keep_alive"] = body.keep_alive
    warnings = _list_warnings(body, shape)
    if shape is Img2ImgRequest:
        return Translated("img2img", validate(Img2ImgRequest, fields), warnings)
    return Translated("txt2img", validate(Txt2ImgRequest, fields), warnings)


def takes_references(facts: ModelFacts) -> bool:
    """Whether a model takes pictures beside the prompt, and need not begin with one."""
    if facts.architecture in WITH_REFERENCES:
        return True
    network = facts.network("diffusion")
    return (
        facts.architecture in UNETS and network is not None and network.traits.get("input_channels") == _EDITS
    )


def fit_size(width: int, height: int) -> tuple[int, int]:
    """The size of a picture, made smaller where it has more pixels than image models are made for."""
    scale = min(1.0, (MOST_PIXELS / (width * height)) ** 0.5)
    return max(64, round(width * scale / 8) * 8), max(64, round(height * scale / 8) * 8)


def _list_warnings(body: GenerateBody, shape: type[Txt2ImgRequest | Img2ImgRequest]) -> list[str]:
    warnings = [
        f"options.{name} was ignored: image models do not have it"
        for name in sorted(body.options)
        if name not in shape.model_fields
    ]
    for name, value in sorted((body.model_extra or {}).items()):
        if name not in TEXT_FIELDS:
            warnings.append(f"unknown field {name!r} was ignored")
        elif value not in (None, "", False, []):
            warnings.append(f"{name} was ignored: only language models have it")
    if body.options.get("batch_count") not in (None, 1):
        warnings.append("options.batch_count: the answer has the first picture only; the job has all")
    return warnings
