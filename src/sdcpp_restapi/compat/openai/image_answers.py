"""Finished jobs as answers of OpenAI's API."""

import asyncio
import base64
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from PIL import Image
from starlette.requests import Request

from ...outputs.folder import OutputFolder
from ...outputs.media import kind_of
from ...schemas.jobs import JobView
from .image_schemas import CompletedImage, ImageData, ImagesAnswer


class DrawnImage(NamedTuple):
    """A file of a job: its path below the output folder, its content, and its size in pixels as text."""

    path: str
    content: bytes
    size: str

    @property
    def base64(self) -> str:
        """Its content."""
        return base64.b64encode(self.content).decode()


async def read_images(outputs: OutputFolder, job: JobView) -> list[DrawnImage]:
    """The images that a job made. Raises NotFound if they are gone already."""
    paths = [path for path in job.outputs if kind_of(path) == "image"]
    return [await asyncio.to_thread(_read, path, outputs.resolve(path)) for path in paths]


def link_to(request: Request, path: str) -> str:
    """The address of an output; it carries no key, which a client sends as it does everywhere."""
    root = request.scope.get("app_root_path", "")
    return f"{request.url.scheme}://{request.url.netloc}{root}/output/{quote(path)}"


def make_answer(
    job: JobView, images: Sequence[DrawnImage], prompt: str | None, request: Request | None
) -> ImagesAnswer:
    """The answer with the images as links for `request`, or with their content where it is None."""
    drawn = job.params.get("prompt")
    revised = str(drawn) if drawn != (prompt or "") else None
    return ImagesAnswer(
        created=int(job.timings.created_at.timestamp()),
        data=[
            ImageData(url=link_to(request, image.path), revised_prompt=revised)
            if request
            else ImageData(b64_json=image.base64, revised_prompt=revised)
            for image in images
        ],
        output_format=str(job.params["output_format"]),
        size=images[0].size,
        warnings=job.warnings,
    )


def make_completed_event(job: JobView, image: DrawnImage, kind: str) -> CompletedImage:
    """The event of a stream with a finished image; `kind` is image_generation or image_edit."""
    return CompletedImage(
        type=f"{kind}.completed",
        b64_json=image.base64,
        created_at=int(job.timings.created_at.timestamp()),
        output_format=str(job.params["output_format"]),
        size=image.size,
        warnings=job.warnings,
    )


def _read(path: str, file: Path) -> DrawnImage:
    content = file.read_bytes()
    with Image.open(BytesIO(content)) as image:
        return DrawnImage(path, content, f"{image.width}x{image.height}")
