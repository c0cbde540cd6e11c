"""Videos as OpenAI's API spells them (its API reference, and the types of its client library 3.57)."""

from typing import Annotated, Any, Literal

from pydantic import Field, FiniteFloat

from ...schemas.base import Frozen, LeftOut, NoBoolean, Request
from .image_schemas import Size

Seconds = Annotated[FiniteFloat, Field(gt=0, le=3600), NoBoolean]


class VideoBody(Request):
    """POST /v1/videos; other fields are those of POST /txt2vid."""

    prompt: str | None = None
    model: str | dict[str, Any] | None = Field(None, description="A name of GET /v1/models")
    seconds: Seconds | None = Field(None, description="Not given: what suits the model")
    size: Size = "auto"
    user: str | None = Field(None, max_length=200, description="Becomes the client_id of the job")
    quality: Any = None


class VideoError(Frozen):
    """Why a video was not made."""

    code: str
    message: str


class VideoView(Frozen):
    """A video, finished or not."""

    id: str = Field(description="The id of the job")
    object: Literal["video"] = "video"
    created_at: int = Field(description="Unix seconds, as all moments here")
    completed_at: int | None
    expires_at: None = None
    status: Literal["queued", "in_progress", "completed", "failed"]
    progress: int = Field(description="Percent")
    model: str
    prompt: str
    seconds: str
    size: str
    remixed_from_video_id: None = None
    error: VideoError | None
    warnings: list[str] | None = LeftOut


class VideoPage(Frozen):
    """A page of videos."""

    object: Literal["list"] = "list"
    data: list[VideoView]
    first_id: str | None
    last_id: str | None
    has_more: bool


class VideoDeleted(Frozen):
    """A video that is in the trash now."""

    id: str
    object: Literal["video.deleted"] = "video.deleted"
    deleted: bool = True
