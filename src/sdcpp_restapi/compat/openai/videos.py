"""Routes of videos. They are jobs of type txt2vid, whoever asked for them."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from ...api.app_state import AppState, State
from ...api.error_handlers import validate
from ...errors import BadRequest, JobNotFound, NotFound
from ...jobs.queue.listing import JobFilters
from ...outputs.folder import Found
from ...outputs.media import kind_of, media_type
from ...schemas.jobs import FINAL, JobStatus, JobView
from ...schemas.trash import DeleteRequest
from .form_body import read_body, take_field
from .jobs import submit
from .model_names import choose_model
from .pictures import read_picture
from .video_schemas import VideoBody, VideoDeleted, VideoPage, VideoView
from .video_translation import translate_video, view_video

router = APIRouter(prefix="/videos", tags=["Videos"])

MOST_VIDEOS = 100
# Jobs that may have been created in the same millisecond as the one that a page begins behind.
_SAME_MOMENT = 50


@router.post("")
async def create(request: Request, state: State, response: Response) -> VideoView:
    """Ask for a video: a form, perhaps with its first frame as a file, or JSON."""
    fields = await read_body(request, state.settings.server.max_body_mb * 2**20)
    frame = take_field(fields, "input_reference")
    if isinstance(fields, Mapping):
        fields = {name: value for name, value in fields.items() if name != "input_reference"}
    body = validate(VideoBody, fields)
    warnings: list[str] = []
    model = await choose_model(state, body.model, warnings)
    first_frame = None if frame is None else read_picture("input_reference", frame)
    translated = translate_video(body, first_frame, model, warnings)
    submitted = await submit(state, request, translated, body.model_extra)
    response.headers.update({**submitted.headers, **model.headers})
    return view_video(await state.queue.get(submitted.job_id))


@router.get("")
async def videos(
    state: State,
    after: Annotated[str | None, Query(description="The last video of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_VIDEOS)] = 20,
    order: Literal["asc", "desc"] = "desc",
) -> VideoPage:
    """All videos of the queue, newest first."""
    filters = JobFilters(type="txt2vid", ascending=order == "asc", limit=limit)
    if after:
        moment = (await _get(state, after)).timings.created_at
        period = {"after": moment} if order == "asc" else {"before": moment + timedelta(milliseconds=1)}
        filters = filters.model_copy(update={**period, "limit": limit + _SAME_MOMENT})
    page = await state.queue.page(filters)
    ids = [job.job_id for job in page.items]
    begin = ids.index(after) + 1 if after in ids else 0
    shown = page.items[begin : begin + limit]
    return VideoPage(
        data=[view_video(job) for job in shown],
        first_id=shown[0].job_id if shown else None,
        last_id=shown[-1].job_id if shown else None,
        has_more=page.has_more or len(page.items) > begin + limit,
    )


@router.get("/{video_id}")
async def retrieve(video_id: str, state: State) -> VideoView:
    """One video, finished or not."""
    return view_video(await _get(state, video_id))


@router.get("/{video_id}/content", response_class=FileResponse)
async def content(
    video_id: str, state: State, variant: Literal["video", "thumbnail", "spritesheet"] = "video"
) -> Response:
    """The file; as a thumbnail a small JPEG of its first frame."""
    job = await _get(state, video_id)
    if variant == "spritesheet":
        raise BadRequest("variant: 'spritesheet' is not allowed; allowed are video, thumbnail", "variant")
    if job.status is not JobStatus.COMPLETED:
        raise BadRequest(f"The video is not there: it is {view_video(job).status}")
    found = await asyncio.to_thread(_find_file, state, job)
    if variant == "thumbnail":
        made = await state.thumbs.get(found, frame=True)
        return Response(made.content, media_type=made.media_type)
    return FileResponse(found.path, stat_result=found.stat, media_type=media_type(found.path.name))


@router.delete("/{video_id}")
async def delete(video_id: str, state: State) -> VideoDeleted:
    """Put a video into the trash; one that is not finished is cancelled first."""
    job = await _get(state, video_id)
    if job.status not in FINAL:
        await state.queue.cancel(video_id)
        state.runners.stop(video_id)
    await state.trash.delete(DeleteRequest(job_ids=[video_id]))
    return VideoDeleted(id=video_id)


@router.post("/edits", include_in_schema=False)
@router.post("/extensions", include_in_schema=False)
@router.post("/characters", include_in_schema=False)
@router.post("/{video_id}/remix", include_in_schema=False)
async def refuse() -> None:
    """Models here make a video of a text and a first frame only."""
    raise BadRequest("Videos are made of a prompt and an input_reference only, not of other videos")


async def _get(state: AppState, video_id: str) -> JobView:
    job = await state.queue.get(video_id)
    if job.type != "txt2vid":
        raise JobNotFound(f"The job {video_id} makes no video")
    return job


def _find_file(state: AppState, job: JobView) -> Found:
    for path in job.outputs:
        if kind_of(path) == "video":
            return state.outputs.find(path)
    raise NotFound
