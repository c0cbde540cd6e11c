"""Pictures in and out."""

import asyncio
import io
import json
import math
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Response, UploadFile
from fastapi.responses import FileResponse
from PIL import Image

from ...api.app_state import AppState, State
from ...errors import BadRequest, NotFound
from ...jobs.pictures import decode, open_file
from ...outputs.folder import Found, check_readable
from ...outputs.media import media_type
from .parts import Uploaded
from .uploads import Uploads

router = APIRouter()

Place = Literal["input", "temp", "output"]
Text = Annotated[str, Form()]
_PREVIEW = re.compile(r"(webp|jpeg)(?:;(\d{1,3}))?")
_QUALITY = 90
# No script of a file runs with our rights, should a browser show it as a page.
_HEADERS = {"x-content-type-options": "nosniff", "content-security-policy": "default-src 'none'; sandbox"}


@router.post("/upload/image")
async def upload_image(
    image: UploadFile,
    state: State,
    uploads: Uploaded,
    subfolder: Text = "",
    overwrite: Text = "",
    type: Annotated[Place, Form()] = "input",
) -> dict[str, str]:
    """Store a picture for LoadImage. A name that is taken by another picture gets a number."""
    _check_place(type)
    await state.queue.reserve.check()
    content = await image.read()
    open_file("image", content, state.settings.limits.max_image_pixels).close()
    return await _save(uploads, image.filename or "", subfolder, overwrite, content)


@router.post("/upload/mask")
async def upload_mask(
    image: UploadFile,
    original_ref: Text,
    state: State,
    uploads: Uploaded,
    subfolder: Text = "",
    overwrite: Text = "",
    type: Annotated[Place, Form()] = "input",
) -> dict[str, str]:
    """Store a picture that was uploaded before, with the transparency of another one."""
    _check_place(type)
    await state.queue.reserve.check()
    original = _read_reference(original_ref)
    content = await image.read()
    made = await state.decoding.run(_put_mask, state, uploads, original, content)
    return await _save(uploads, image.filename or "", subfolder, overwrite, made)


@router.get("/view")
async def view(
    filename: str,
    state: State,
    uploads: Uploaded,
    subfolder: str = "",
    type: Place = "output",
    preview: Annotated[
        str | None, Query(description="webp or jpeg, and after a semicolon the quality")
    ] = None,
    channel: Literal["rgba", "rgb"] = "rgba",
) -> Response:
    """A picture: one that a job made, or an uploaded one."""
    name = f"{subfolder}/{filename}" if subfolder else filename
    found = await asyncio.to_thread(_find, state, uploads, name, type)
    shown = "".join(letter if letter.isprintable() else "_" for letter in found.path.name)
    headers = {**_HEADERS, "content-disposition": f"filename*=UTF-8''{quote(shown, safe='')}"}
    if preview is None and channel == "rgba":
        return FileResponse(
            found.path, stat_result=found.stat, media_type=media_type(found.path.name), headers=headers
        )
    kind, quality = _read_preview(preview)
    content = await state.decoding.run(_convert, state, found.path, kind, quality, channel == "rgb")
    return Response(content, media_type=f"image/{kind}", headers=headers)


def _check_place(place: Place) -> None:
    if place == "output":
        raise BadRequest("type: 'output' is not allowed: only jobs make outputs; allowed is input")


async def _save(
    uploads: Uploads, filename: str, subfolder: str, overwrite: str, content: bytes
) -> dict[str, str]:
    replace = overwrite.lower() in ("true", "1")
    name = await asyncio.to_thread(uploads.save, subfolder, filename, content, replace)
    return {"name": name, "subfolder": subfolder, "type": "input"}


def _read_reference(text: str) -> str:
    """The name of the picture that a mask belongs to, as LoadImage has it."""
    try:
        reference = json.loads(text)
        name, folder = str(reference["filename"]), str(reference.get("subfolder") or "")
        place = str(reference.get("type") or "output")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise BadRequest("original_ref: it must be an object with filename, subfolder and type") from None
    return f"{folder}/{name} [{place}]" if folder else f"{name} [{place}]"


def _put_mask(state: AppState, uploads: Uploads, original: str, mask: bytes) -> bytes:
    most = state.settings.limits.max_image_pixels
    with (
        open_file("original_ref", uploads.find(original).read_bytes(), most) as base,
        open_file("image", mask, most) as top,
        state.decoding.hold(math.prod(base.size) + math.prod(top.size)),
    ):
        picture = decode("original_ref", base).convert("RGBA")
        alpha = decode("image", top).convert("RGBA").getchannel("A")
        picture.putalpha(alpha if alpha.size == picture.size else alpha.resize(picture.size))
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()


def _find(state: AppState, uploads: Uploads, name: str, place: Place) -> Found:
    """The file. Raises NotFound, InvalidPath, BadRequest."""
    named = name.endswith("]") or place == "input"  # a name may tell the place itself
    found = check_readable(uploads.find(name) if named else state.outputs.resolve(name))
    if found.is_folder:
        raise NotFound
    return found


def _read_preview(text: str | None) -> tuple[str, int]:
    if text is None:
        return "png", _QUALITY
    match = _PREVIEW.fullmatch(text)
    if match is None:
        raise BadRequest(f"preview: {text!r} is not allowed; webp or jpeg, and a quality: webp;90")
    return match[1], min(int(match[2] or _QUALITY), 100)


def _convert(state: AppState, path: Path, kind: str, quality: int, opaque: bool) -> bytes:
    with (
        open_file("filename", path.read_bytes(), state.settings.limits.max_image_pixels) as opened,
        state.decoding.hold(math.prod(opened.size)),
    ):
        image: Image.Image = decode("filename", opened)
        if opaque or kind == "jpeg":
            image = image.convert("RGB")
        buffer = io.BytesIO()
        image.save(buffer, kind, quality=quality)
        return buffer.getvalue()
