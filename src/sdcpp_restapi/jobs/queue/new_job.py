"""A job that is about to be stored."""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

from pydantic import BaseModel

from ...request_source import SOURCE
from ...requester import REQUESTER
from ...schemas.jobs import JobType, Params
from ...schemas.models import LoadRequest
from ...schemas.required_files import NOTHING, RequiredFiles
from ...schemas.upscaling import UpscalerRequest
from .request_keys import RequestKey


@dataclass(frozen=True)
class NewJob:
    """What a request became once it was checked.

    `model` and `upscaler` are what the job is stamped with. `after`: the id of a job that must be completed
    first. `work`: megapixel-steps that it is expected to cost, for estimates of later jobs (durations.py).
    `required_files`: what a machine must have to run it. `warnings`: what of the request will not act.
    `source`: the interface of another program that it came by. `user`: whose it is.
    `key`: what the client calls its request; then `answer`, which makes the answer from the position among
    the pending jobs, is kept under it.
    """

    type: JobType
    params: Params
    model: LoadRequest | None = None
    upscaler: UpscalerRequest | None = None
    after: str | None = None
    work: float | None = None
    required_files: RequiredFiles = NOTHING
    warnings: tuple[str, ...] = ()
    key: RequestKey | None = None
    answer: Callable[[int], BaseModel] | None = None
    source: str | None = field(default_factory=SOURCE.get)
    user: str = field(default_factory=lambda: REQUESTER.get().user)
    id: str = field(default_factory=lambda: str(uuid4()))
