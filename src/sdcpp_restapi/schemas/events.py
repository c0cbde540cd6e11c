"""Everything that happens, as clients hear it over WebSockets and as server-sent events."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from .base import Frozen, LeftOut
from .jobs import JobStatus, JobType, JobView, Progress, Transfer
from .models import Health, LoadedComponents
from .timestamps import Moment, WholeSecond


class JobAdded(Frozen):
    """A job was stored."""

    job_id: str
    type: JobType
    queue_position: int


class JobStatusChanged(Frozen):
    """A job entered another state."""

    job_id: str
    status: JobStatus
    previous_status: JobStatus
    outputs: list[str] = []
    worker: str | None = LeftOut  # the machine that has it, where it is another one
    started_at: WholeSecond | None = LeftOut
    completed_at: WholeSecond | None = LeftOut
    error: str | None = LeftOut
    warnings: list[str] | None = LeftOut  # those of the job


class JobProgress(Progress):
    """A step was done: the seven fields of `progress` and whose they are."""

    job_id: str
    eta_seconds: float | None = LeftOut  # until the job ends, as far as it can be told


class JobPreview(Frozen):
    """A picture of the unfinished image or of the first of the unfinished frames."""

    job_id: str
    step: int
    frame_count: int
    width: int
    height: int
    is_noisy: bool
    mode: str
    interval: int = Field(description="Steps since the preview before; they grow where previews are slow")
    image: str = Field(description="data:image/jpeg;base64,...")


class DownloadProgress(Transfer):
    """Bytes of a download arrived: what `download` of a job shows, and whose it is."""

    job_id: str


class JobCancelled(Frozen):
    """A job was cancelled."""

    job_id: str


class JobDeleted(Frozen):
    """A finished job went into the trash, or for good."""

    job_id: str
    purged: bool = Field(description="For good: it can't be restored")


class JobRestored(Frozen):
    """A job came back from the trash."""

    job_id: str


class ModelLoadWaiting(Frozen):
    """A requested load waits for the running job; a later request may take its place."""

    model_name: str


class ModelLoadingProgress(Frozen):
    """Weights are being read."""

    model_name: str
    step: int
    total_steps: int


class ModelLoaded(Frozen):
    """A model is in memory."""

    model_name: str
    model_type: str
    model_architecture: str | None
    loaded_components: LoadedComponents
    warnings: list[str] | None = LeftOut  # components that the engine ignored


class ModelLoadFailed(Frozen):
    """The engine refused a model."""

    model_name: str
    error: str


# Nobody used it; another model needs the memory; the process that held it ended while it was idle.
UnloadReason = Literal["idle", "memory", "lost"]


class ModelUnloaded(Frozen):
    """A model left memory, on request unless there is a `reason`; jobs with it load it again.

    After a request for all slots there is no current model; otherwise it stays what it was.
    """

    model_name: str
    slot: str | None = LeftOut  # where, unless it left all of them
    reason: UnloadReason | None = LeftOut


class UpscalerLoaded(Frozen):
    """An upscaler is in memory."""

    model_name: str
    upscale_factor: int


class UpscalerUnloaded(Frozen):
    """An upscaler left memory, on request or after use."""

    model_name: str


class WorkerJoined(Frozen):
    """A worker is there and takes jobs."""

    name: str
    devices: list[str]


class WorkerLeft(Frozen):
    """A worker takes no jobs any more; those it had go elsewhere."""

    name: str
    reason: str


class ServerStatus(Health):
    """On connect, every 30 seconds and on request: the body of /health and the queue's counts."""

    pending_count: int
    processing_count: int
    completed_count: int
    failed_count: int
    cancelled_count: int
    total_count: int


class JobState(JobView):
    """At the beginning of the events of one job: GET /queue/{job_id} without inputs and webhook."""


class EventsLost(Frozen):
    """To a client that comes back after events that are not kept any more."""

    last_event_id: str = Field(description="The Last-Event-ID that it sent")


class Pong(Frozen):
    """Answer to a client's ping."""


EventData = (
    JobAdded
    | JobStatusChanged
    | JobProgress
    | JobPreview
    | DownloadProgress
    | JobCancelled
    | JobDeleted
    | JobRestored
    | ModelLoadWaiting
    | ModelLoadingProgress
    | ModelLoaded
    | ModelLoadFailed
    | ModelUnloaded
    | UpscalerLoaded
    | UpscalerUnloaded
    | WorkerJoined
    | WorkerLeft
    | ServerStatus
    | JobState
    | EventsLost
    | Pong
)

EVENT_NAMES: dict[type[Frozen], str] = {
    JobAdded: "job_added",
    JobStatusChanged: "job_status_changed",
    JobProgress: "job_progress",
    JobPreview: "job_preview",
    DownloadProgress: "download_progress",
    JobCancelled: "job_cancelled",
    JobDeleted: "job_deleted",
    JobRestored: "job_restored",
    ModelLoadWaiting: "model_load_waiting",
    ModelLoadingProgress: "model_loading_progress",
    ModelLoaded: "model_loaded",
    ModelLoadFailed: "model_load_failed",
    ModelUnloaded: "model_unloaded",
    UpscalerLoaded: "upscaler_loaded",
    UpscalerUnloaded: "upscaler_unloaded",
    WorkerJoined: "worker_joined",
    WorkerLeft: "worker_left",
    ServerStatus: "server_status",
    JobState: "job_state",
    EventsLost: "events_lost",
    Pong: "pong",
}


class Event(Frozen):
    """The envelope of every message."""

    event: str
    timestamp: Moment
    data: EventData

    @classmethod
    def of(cls, data: EventData, moment: datetime) -> "Event":
        """Wrap `data` with its name and its moment."""
        return cls(event=EVENT_NAMES[type(data)], timestamp=moment, data=data)


class EventsQuery(Frozen):
    """The query of the address of a WebSocket."""

    previews: bool = True


class Ping(Frozen):
    """A client asks whether the server is there."""

    type: Literal["ping"]


class GetStatus(Frozen):
    """A client asks for a server_status."""

    type: Literal["get_status"]


ClientMessage = Annotated[Ping | GetStatus, Field(discriminator="type")]
