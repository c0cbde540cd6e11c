"""A job that is about to be stored."""

from dataclasses import dataclass, field
from uuid import uuid4

from ...schemas.jobs import JobType, Params
from ...schemas.models import LoadRequest
from ...schemas.required_files import NOTHING, RequiredFiles
from ...schemas.upscaling import UpscalerRequest


@dataclass(frozen=True)
class NewJob:
    """What a request became once it was checked.

    `model` and `upscaler` are what the job is stamped with. `after`: the id of a job that must be completed
    first. `work`: megapixel-steps that it is expected to cost, for estimates of later jobs (durations.py).
    `required_files`: what a machine must have to run it. `warnings`: what of the request will not act.
    """

    type: JobType
    params: Params
    model: LoadRequest | None = None
    upscaler: UpscalerRequest | None = None
    after: str | None = None
    work: float | None = None
    required_files: RequiredFiles = NOTHING
    warnings: tuple[str, ...] = ()
    id: str = field(default_factory=lambda: str(uuid4()))
