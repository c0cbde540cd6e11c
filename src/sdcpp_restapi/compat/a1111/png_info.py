"""POST /png-info: the texts of a picture."""

import asyncio
from typing import Any

from fastapi import APIRouter

from ...errors import BadRequest
from ...jobs.input_images import decode_base64
from ...jobs.pictures import FORMATS
from .infotext import parse_parameters, read_texts
from .requests import PngInfoRequest

router = APIRouter(tags=["Pictures"])


@router.post("/png-info")
async def png_info(body: PngInfoRequest) -> dict[str, Any]:
    """Parameters of a picture as text and taken apart, and its other texts."""
    return await asyncio.to_thread(_read, body.image.strip())


def _read(image: str) -> dict[str, Any]:
    texts = read_texts(decode_base64("image", image))
    if texts is None:
        raise BadRequest(f"image: not a readable image; allowed are {', '.join(FORMATS)}", "image")
    parameters = texts.pop("parameters", "")
    return {
        "info": parameters,
        "items": texts,
        "parameters": parse_parameters(parameters) if parameters else {},
    }
