"""From requests for videos to ours, and from jobs to videos: pure translation."""

from typing import Any, Literal

from ...schemas.jobs import JobStatus, JobView
from ...schemas.options import Architecture
from .image_translation import Translation, parse_size
from .model_names import ChosenModel
from .video_schemas import VideoBody, VideoError, VideoView

# Frames a second where the architecture has no opinion: the default of POST /txt2vid.
_USUAL_FPS = 16
_MOST_FPS = 240

_STATES: dict[JobStatus, Literal["queued", "in_progress", "completed", "failed"]] = {
    JobStatus.PENDING: "queued",
    JobStatus.PROCESSING: "in_progress",
    JobStatus.COMPLETED: "completed",
    JobStatus.FAILED: "failed",
    JobStatus.CANCELLED: "failed",
}


def translate_video(
    body: VideoBody, first_frame: str | None, model: ChosenModel, warnings: list[str]
) -> Translation:
    """To POST /txt2vid; `first_frame` is a picture as base64."""
    extra = body.model_extra or {}
    fields: dict[str, Any] = {
        "prompt": body.prompt,
        "model": model.wanted,
        "client_id": body.user or None,
        "init_image_base64": first_frame,
        "use_architecture_defaults": True,
        **parse_size(body.size),
    }
    if body.seconds is not None:
        fps = _choose_fps(extra, model.architecture)
        fields |= {"fps": fps, "video_frames": count_frames(body.seconds, fps, model.architecture)}
        if "video_frames" in extra:
            warnings.append("seconds has no effect beside video_frames")
    if body.quality not in (None, "auto"):
        warnings.append("quality has no effect: send steps")
    fields = {name: value for name, value in fields.items() if value is not None}
    if body.size != "auto" and extra.keys() & {"width", "height"}:
        warnings.append("size has no effect beside width and height")
    return Translation("txt2vid", {**fields, **extra}, warnings)


def count_frames(seconds: float, fps: int, architecture: Architecture | None) -> int:
    """How many frames such a video has, as the architecture makes them: a multiple of its group, plus 1."""
    group = architecture.frame_group if architecture else 4
    return max(round(seconds * fps / group), 0) * group + 1


def view_video(job: JobView) -> VideoView:
    """A job as a video."""
    params = job.params
    completed = job.timings.completed_at
    return VideoView(
        id=job.job_id,
        created_at=int(job.timings.created_at.timestamp()),
        completed_at=int(completed.timestamp()) if completed and job.status is JobStatus.COMPLETED else None,
        status=_STATES[job.status],
        progress=int(job.progress.percentage),
        model=job.model or "",
        prompt=str(params["prompt"]),
        seconds=_tell_seconds(params),
        size=f"{params['width']}x{params['height']}",
        error=_tell_error(job),
        warnings=job.warnings,
    )


def _choose_fps(extra: dict[str, Any], architecture: Architecture | None) -> int:
    try:
        given = int(extra.get("fps") or 0)
    except (TypeError, ValueError, OverflowError):
        given = 0
    if not 1 <= given <= _MOST_FPS:
        given = 0  # told when the request is checked
    suits = architecture.preset.generationDefaults.fps if architecture else None
    return given or suits or _USUAL_FPS


def _tell_seconds(params: dict[str, Any]) -> str:
    return f"{(params['video_frames'] - 1) / params['fps']:g}"


def _tell_error(job: JobView) -> VideoError | None:
    if job.status is JobStatus.CANCELLED:
        return VideoError(code="job_cancelled", message="The job was cancelled")
    if job.status is JobStatus.FAILED:
        return VideoError(code="job_failed", message=job.error or "The job failed")
    return None
