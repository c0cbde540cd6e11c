"""Pictures on their way to and from a language model."""

import asyncio
import base64
import binascii
import io
from pathlib import Path
from urllib.parse import unquote, urlsplit

from PIL import Image

from ..client import AsyncClient
from .shapes import RESOURCE

# Of all pictures of an answer, base64 not counted: hosts refuse answers above 1 MB.
MOST_BYTES = 700_000
# Longest sides of what is shown instead of a picture that is too large, in pixels.
SMALLER_SIDES = (2048, 1536, 1024, 768, 512, 256)
QUALITY = 85
# Pixels of an edit whose size is not given, the area that most models were trained on.
MOST_EDITED_PIXELS = 1024 * 1024
# More is refused before it is decoded.
MOST_PIXELS = 100_000_000


class BadArgument(ValueError):
    """What a tool was given cannot be used"""


async def read_picture(client: AsyncClient, source: str, reads_files: bool) -> bytes:
    """The file that a tool's argument names. Raises BadArgument, ClientError.

    An output of this server by URI, address or path, a data URL, base64; with `reads_files` a local path.
    """
    if source.startswith("data:") or len(source) > 4096:
        return _decode(source)
    if output := _output_path(source):
        return await client.output(output)
    if reads_files:
        return await asyncio.to_thread(_read_file, source)
    raise BadArgument(
        f"{source[:100]!r} is no picture: give the uri of an output ({RESOURCE}...) or a data: URL"
    )


def shown(content: bytes, most_bytes: int) -> tuple[bytes, str, str | None]:
    """A picture as it is shown: its bytes, their media type, and what was done to it if it was too large."""
    with Image.open(io.BytesIO(content)) as image:
        if len(content) <= most_bytes:
            return content, Image.MIME[image.format or "PNG"], None
        size = image.size
        whole = image.convert("RGB")
    for side in SMALLER_SIDES:
        whole.thumbnail((side, side))
        buffer = io.BytesIO()
        whole.save(buffer, "JPEG", quality=QUALITY)
        if buffer.tell() <= most_bytes:
            break
    told = f"shown as a JPEG of {whole.width}x{whole.height}; the file has {size[0]}x{size[1]}"
    return buffer.getvalue(), "image/jpeg", told


def fitting_size(content: bytes) -> tuple[int, int]:
    """Width and height for an edit of a picture: its own, or less where that is too large.

    Raises BadArgument.
    """
    try:
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise BadArgument(f"the picture cannot be read: {error}") from None
    if width * height > MOST_PIXELS:
        raise BadArgument(f"the picture has {width}x{height} pixels; at most {MOST_PIXELS} are read")
    factor = min(1.0, (MOST_EDITED_PIXELS / (width * height)) ** 0.5)
    return max(8, round(width * factor / 8) * 8), max(8, round(height * factor / 8) * 8)


def _read_file(name: str) -> bytes:
    path = Path(name).expanduser()
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadArgument(
            f"{name[:100]!r} cannot be read ({reason}): give a file on this machine, the uri of an output"
            f" ({RESOURCE}...) or a data: URL"
        ) from None


def _output_path(source: str) -> str | None:
    """The path of an output of the server, however it is named."""
    if source.startswith(RESOURCE):
        return unquote(source.removeprefix(RESOURCE))
    if source.startswith(("http://", "https://")):
        _, found, path = urlsplit(source).path.partition("/output/")
        return unquote(path) if found else None
    first, _, rest = source.partition("/")
    return source if rest and len(first) == 36 and first.count("-") == 4 else None


def _decode(source: str) -> bytes:
    text = source.partition(",")[2] if source.startswith("data:") else source
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise BadArgument(f"the picture is no valid base64: {error}") from None
