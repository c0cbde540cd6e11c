"""Jobs: the row, its progress, and what the API shows of it."""

import json
from enum import StrEnum
from typing import Literal, NamedTuple

from pydantic import Field, SerializeAsAny

from .base import Frozen, LeftOut
from .conversion import ConvertRequest
from .downloads import DownloadRequest, HashRequest, JobResult
from .generation import GenerationRequest, ImageRequest, Img2ImgRequest, Txt2ImgRequest
from .model_sets import PullJob
from .models import LoadRequest
from .timestamps import Moment, WholeSecond
from .upscaling import UpscaleRequest, UpscalerRequest
from .video import Txt2VidRequest
from .webhooks import WebhookView

JobType = Literal["txt2img", "img2img", "txt2vid", "upscale", "convert", "model_download", "model_hash"]
Lane = Literal["engine", "download", "hash"]
Params = (
    Txt2ImgRequest
    | Img2ImgRequest
    | Txt2VidRequest
    | UpscaleRequest
    | ConvertRequest
    | DownloadRequest
    | PullJob
    | HashRequest
)


class Kind(NamedTuple):
    """What a type of job means to the queue."""

    lane: Lane
    params: type[Params]


KINDS: dict[JobType, Kind] = {
    "txt2img": Kind("engine", Txt2ImgRequest),
    "img2img": Kind("engine", Img2ImgRequest),
    "txt2vid": Kind("engine", Txt2VidRequest),
    "upscale": Kind("engine", UpscaleRequest),
    "convert": Kind("engine", ConvertRequest),
    "model_download": Kind("download", DownloadRequest),
    "model_hash": Kind("hash", HashRequest),
}


def read_params(job_type: JobType, text: str) -> Params:
    """The params of a stored job. A download of a set is told from that of a file by naming one."""
    shape = KINDS[job_type].params
    if shape is DownloadRequest and "set" in json.loads(text):
        shape = PullJob
    return shape.model_validate_json(text)


class JobStatus(StrEnum):
    """The five documented states; the last three are final."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


# A job in one of them has ended.
FINAL = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)


class Progress(Frozen):
    """The seven documented fields."""

    step: int = 0
    total_steps: int = 0
    current_image: int = 0
    total_images: int = 1
    all_steps: int = 0
    current_all_steps: int = 0
    percentage: float = 0.0

    @classmethod
    def at(cls, step: int, total_steps: int, image: int, images: int) -> "Progress":
        """Progress of a running job: `step` of image `image` (0-indexed) of `images`."""
        everything = total_steps * images
        done = min(image * total_steps + step, everything)
        return cls(
            step=step,
            total_steps=total_steps,
            current_image=image,
            total_images=images,
            all_steps=everything,
            current_all_steps=done,
            percentage=round(100.0 * done / everything, 1) if everything else 0.0,
        )

    @classmethod
    def before(cls, params: Params) -> "Progress":
        """Progress of a job that has not begun; what is not an image counts in percent."""
        if isinstance(params, ImageRequest):
            return cls.at(0, params.steps, 0, params.batch_count)
        if isinstance(params, Txt2VidRequest):
            return cls.at(0, params.all_steps, 0, 1)
        return cls.at(0, 100, 0, 1)

    def finished(self) -> "Progress":
        """As the API document shows a completed job: all steps done, current_image of the last image."""
        return Progress.at(
            self.total_steps, self.total_steps, max(self.total_images - 1, 0), self.total_images
        )


class Transfer(Frozen):
    """How far a running download is, and how fast it goes."""

    bytes_done: int
    bytes_total: int | None = Field(description="null where the other server does not tell")
    bytes_per_second: int = Field(description="Over the last seconds")
    seconds_left: float | None = Field(description="null where the total is unknown, or nothing comes")
    file: str | None = LeftOut  # of a download of several: the one that arrives now


class Job(Frozen):
    """One job, as the queue hands it to an executor."""

    id: str
    type: JobType
    status: JobStatus
    attempt: int = Field(description="How often it was claimed; names temporary files, fences late results")
    params: SerializeAsAny[Params]
    model: LoadRequest | None = Field(None, description="What it was stamped with; None where no model runs")
    upscaler: UpscalerRequest | None = Field(None, description="What it was stamped with, if it upscales")
    after: str | None = Field(None, description="The job that must be completed first")
    created_at: Moment
    started_at: Moment | None = None
    completed_at: Moment | None = None
    progress: Progress
    outputs: tuple[str, ...] = ()
    result: JobResult | None = None
    error: str | None = None
    warnings: tuple[str, ...] = Field((), description="Of its submission, then of what its run showed")
    engine: str | None = Field(None, description="The revision of the engine that ran it")
    resumed_from_step: int | None = Field(
        None, description="Steps of all its images that its last attempt took from the journal"
    )
    slot: str | None = Field(None, description="The worker's slot that has or had it; None = this server's")
    source: str | None = Field(None, description="The interface of another program that it came by")
    user: str = Field("", description="Whose job it is; empty: nobody's")
    deleted_at: Moment | None = Field(None, description="Since when it has been in the trash")
    paused: bool = Field(False, description="It is not claimed until it is resumed")
    preempted: bool = Field(False, description="It waits for a more urgent job")

    @property
    def worker(self) -> str | None:
        """The worker that has or had it."""
        return self.slot.rpartition("/")[0] if self.slot else None

    @property
    def parent(self) -> str | None:
        """The job that it branches from."""
        return self.params.from_job if isinstance(self.params, GenerationRequest) else None

    @property
    def keeps_finished(self) -> bool:
        """Whether a cancel leaves what is finished."""
        return isinstance(self.params, ImageRequest) and self.params.keep_finished


class InputImage(Frozen):
    """An input image as it was stored."""

    field: str
    width: int
    height: int
    bytes: int


class Timings(Frozen):
    """When a job was created, began and ended, to the millisecond: these tell jobs apart."""

    created_at: Moment
    started_at: Moment | None = LeftOut
    completed_at: Moment | None = LeftOut


class JobView(Frozen):
    """GET /queue/{id}, and each item of GET /queue."""

    job_id: str
    type: JobType
    status: JobStatus
    progress: Progress
    eta_seconds: float | None = LeftOut  # only while it draws: seconds until it ends, as far as can be told
    download: Transfer | None = LeftOut  # only while a download runs
    created_at: WholeSecond
    started_at: WholeSecond | None = LeftOut
    completed_at: WholeSecond | None = LeftOut
    timings: Timings = Field(description="The same moments to the millisecond")
    outputs: list[str]
    partial: bool | None = LeftOut  # true: cancelled, and what was finished by then was kept (keep_finished)
    params: dict[str, object] = Field(description="The typed request, defaults filled in")
    error: str | None = LeftOut
    # What was asked for and does not act, or acts otherwise: as in the 202, then what the run showed
    warnings: list[str] | None = LeftOut
    position: int | None = LeftOut  # only while pending, and not paused
    paused: bool | None = LeftOut  # true: pending until it is resumed, or until a more urgent job has ended
    result: JobResult | None = LeftOut
    model: str | None = LeftOut  # the model that the job was stamped with
    # Its components and load options: a body of POST /models/load, as `model` in config.json
    model_settings: dict[str, object] | None = LeftOut
    engine: str | None = LeftOut  # the revision of the engine that ran it, once it is finished
    attempt: int | None = LeftOut  # where it is not the first
    # So many steps of all its images were computed by an earlier attempt, which lost its engine or its server
    resumed_from_step: int | None = LeftOut
    worker: str | None = LeftOut  # the machine that has or had it, where it is another one
    upscaler: str | None = LeftOut  # the upscaler that the job was stamped with
    output_path: str | None = LeftOut  # where a conversion goes
    parent: str | None = LeftOut  # the job that it branched from
    source: str | None = LeftOut  # the interface of another program that it came by: openai, a1111, ...
    user: str | None = LeftOut  # whose job it is, where there are users
    after: str | None = LeftOut  # the job that must be completed first
    inputs: list[InputImage] | None = LeftOut  # only in GET /queue/{id}
    webhook: WebhookView | None = LeftOut  # only in GET /queue/{id}
    deleted_at: WholeSecond | None = LeftOut  # only in the trash


class DayOfJobs(Frozen):
    """The items of a page that were created on one day."""

    date: str = Field(description="A day in UTC: 2024-01-31")
    count: int = Field(description="How many of the items")
    job_ids: list[str] = Field(description="Which, in the order of the items")


class QueueView(Frozen):
    """GET /queue."""

    pending_count: int
    processing_count: int
    completed_count: int
    failed_count: int
    cancelled_count: int
    total_count: int
    items: list[JobView]
    groups: list[DayOfJobs] | None = LeftOut  # with group_by=date
    limit: int
    offset: int
    page: int = Field(description="1 = the first; pages have `limit` jobs")
    has_more: bool = Field(description="Whether there are jobs behind these")
    next_cursor: str | None = LeftOut  # where the next page begins: the query `cursor`
    matching_count: int | None = LeftOut  # how many jobs the filters let through
    applied_filters: dict[str, str] | None = LeftOut
    warnings: list[str] | None = LeftOut  # what of the filters acts in part


class Outcome(Frozen):
    """The last thing that an executor says of a job that went well."""

    outputs: tuple[str, ...] = Field((), description="Paths relative to the output folder")
    result: JobResult | None = None
    warnings: tuple[str, ...] = Field((), description="What the run showed of what did not act")
    engine: str | None = Field(None, description="The revision of the engine that did the work")
    resumed_from_step: int | None = Field(None, description="Steps that were taken from the journal")
    seconds: float | None = Field(None, description="Of the work itself, without loading models")
