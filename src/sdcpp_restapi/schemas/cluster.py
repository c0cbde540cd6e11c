"""The messages between a server and its workers, carried by NATS as JSON.

An attempt (one claim of one job) is named in every message about it: what belongs to an older attempt than
the one that the server waits for is dropped.

Announcement, RpcRequest and Refusal keep their fields in every version: over them releases refuse each other.
"""

from typing import Literal, Self

from pydantic import ConfigDict, Field, field_serializer, field_validator

from .base import Frozen, LeftOut
from .errors import ErrorInfo
from .events import (
    JobPreview,
    ModelLoaded,
    ModelLoadFailed,
    ModelLoadingProgress,
    ModelLoadWaiting,
    UpscalerLoaded,
)
from .inspection import Inspection
from .jobs import KINDS, Job, Outcome, Params, Progress
from .model_types import ModelType
from .models import LoadedSlot, LoadRequest
from .options import BoundedPreviewSettings
from .upscaling import UpscalerRequest

# Rises when a message changes its fields or their meaning: a worker with another number is refused.
PROTOCOL = 4


class Attempt(Frozen):
    """One claim of one job."""

    job_id: str
    attempt: int

    @classmethod
    def of(cls, job: Job) -> Self:
        """The attempt that a claimed job is in."""
        return cls(job_id=job.id, attempt=job.attempt)

    def __str__(self) -> str:
        return f"{self.job_id}.{self.attempt}"


# ---------------------------------------------------------------- the state of a worker


class SlotState(Frozen):
    """What one slot of a worker holds and does at the moment."""

    view: LoadedSlot
    holds: LoadRequest | None = Field(None, description="The model in memory, as it was asked for")
    residents: list[LoadRequest] = Field([], description="All models in memory, that one first")
    loading: LoadRequest | None = None
    problem: str | None = None
    attempt: Attempt | None = Field(None, description="The attempt it works on")


class Announcement(Frozen):
    """The heartbeat of a worker: every few seconds, and whenever something of this changes."""

    protocol: int = PROTOCOL
    name: str
    boot: str = Field(description="An id of its own for every start of the worker")
    version: str
    engine: str | None = Field(description="The engine's revision; null until an engine came up")
    devices: list[str] = []
    slots: list[SlotState] = []
    catalog: int = Field(description="Rises when the worker's models change")
    leaving: bool = False


class InventoryFile(Frozen):
    """One model file of a worker."""

    type: ModelType
    name: str
    size_bytes: int
    hash: str | None = None


class InventoryReport(Frozen):
    """All model files of a worker."""

    catalog: int
    models: list[InventoryFile]


# ---------------------------------------------------------------- jobs


class JobAssignment(Frozen):
    """A claimed job for one slot of a worker."""

    protocol: int = PROTOCOL
    job: Job
    inputs: dict[str, str] = Field({}, description="File name of an input image -> SHA-256")
    preview: BoundedPreviewSettings
    wants_previews: bool = Field(
        True, description="Whether anybody looks at them; WantPreviews tells changes"
    )

    @field_validator("job", mode="before")
    @classmethod
    def _parse_params(cls, job: object) -> object:
        if isinstance(job, dict) and job.get("type") in KINDS:
            params: type[Params] = KINDS[job["type"]].params
            return {**job, "params": params.model_validate(job.get("params"))}
        return job

    @property
    def attempt(self) -> Attempt:
        """Which attempt it is."""
        return Attempt.of(self.job)


class AttemptProgress(Frozen):
    """Progress of a running attempt. It may get lost: the next report replaces it."""

    attempt: Attempt
    report: Progress | JobPreview


class AttemptResult(Frozen):
    """How an attempt ended: without `error` it is completed.

    Its files are in this message, or in the object store by then.
    """

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    attempt: Attempt
    error: ErrorInfo | None = LeftOut
    outcome: Outcome = Outcome()
    files: dict[str, str] = Field({}, description="Path in the job's folder -> SHA-256; in the store")
    enclosed: dict[str, bytes] = Field({}, description="Path in the job's folder -> content; small files")


class NameQuery(Frozen):
    """From a worker that starts, on the subject of its name: any reply means that the name is taken."""


# ---------------------------------------------------------------- requests of a server


class Discover(Frozen):
    """To all workers: announce yourselves."""


class StopAttempt(Frozen):
    """Cancel this attempt; has no reply."""

    kind: Literal["stop"] = "stop"
    attempt: Attempt


class Refusal(Frozen):
    """The server gives this worker no jobs; has no reply."""

    kind: Literal["refusal"] = "refusal"
    why: str


class WantPreviews(Frozen):
    """Compute previews from now on, or not: somebody looks at them, or nobody; has no reply."""

    kind: Literal["want_previews"] = "want_previews"
    wanted: bool


class LoadModel(Frozen):
    """Load a model into a slot."""

    kind: Literal["load_model"] = "load_model"
    slot: int
    request: LoadRequest


class WithdrawLoad(Frozen):
    """Do not carry out a LoadModel that still waits for its slot; has no reply."""

    kind: Literal["withdraw_load"] = "withdraw_load"
    request_id: str = Field(description="Of the RpcRequest with the LoadModel")


class UnloadModel(Frozen):
    """Free the model of a slot."""

    kind: Literal["unload_model"] = "unload_model"
    slot: int


class LoadUpscaler(Frozen):
    """Load an upscaler into a slot."""

    kind: Literal["load_upscaler"] = "load_upscaler"
    slot: int
    request: UpscalerRequest


class UnloadUpscaler(Frozen):
    """Free the upscaler of a slot."""

    kind: Literal["unload_upscaler"] = "unload_upscaler"
    slot: int


class Complete(Frozen):
    """Add the components that lie beside the model to a load request."""

    kind: Literal["complete"] = "complete"
    request: LoadRequest
    whole: bool = Field(description="It names all it needs: only look whether that is there")

    @field_serializer("request")
    def _dump_request(self, request: LoadRequest) -> dict[str, object]:
        """Without defaults: a type that the client left out is looked up."""
        return request.model_dump(mode="json", exclude_unset=True)


class Completed(Frozen):
    """A load request that names everything, and what the model is as far as its header tells.

    `warnings` tell what was picked for the request.
    """

    request: LoadRequest
    architecture: str | None
    warnings: list[str] = []


class Inspect(Frozen):
    """What is known about a model file without loading it."""

    kind: Literal["inspect"] = "inspect"
    type: ModelType
    name: str


class RpcReply(Frozen):
    """The reply to an RpcCall."""

    error: ErrorInfo | None = LeftOut
    loaded: ModelLoaded | None = LeftOut
    upscaler: UpscalerLoaded | None = LeftOut
    completed: Completed | None = LeftOut
    inspection: Inspection | None = LeftOut


RpcCall = LoadModel | UnloadModel | LoadUpscaler | UnloadUpscaler | Complete | Inspect


class RpcRequest(Frozen):
    """A message to one worker."""

    id: str = Field("", description="Of an RpcCall: when it is sent again, the reply is the same")
    what: StopAttempt | Refusal | WantPreviews | WithdrawLoad | RpcCall = Field(discriminator="kind")


class WorkerEvent(Frozen):
    """An event of a worker's engine that clients of the server get too."""

    worker: str
    event: ModelLoadWaiting | ModelLoadingProgress | ModelLoaded | ModelLoadFailed
