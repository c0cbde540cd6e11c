"""Pictures beside model files, as `<stem>.preview.png`, which other programs show too."""

import asyncio
import base64
import binascii
import io
import os
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from ...decoding import Decoding
from ...errors import BadRequest, InvalidPath, NotFound
from ...models.sidecars import list_pictures
from ...outputs.folder import OutputFolder
from ..pictures import decode, open_file, prepare
from .model_files import telling_disk_failures

# Pixels of the longer side.
SIDE = 768
ENDING = ".preview.png"
# The field whose transparency is kept (jobs/pictures.py).
_FIELD = "image_base64"


class PictureFiles:
    """Reads pictures from requests and outputs, and writes them beside models."""

    def __init__(self, outputs: OutputFolder, decoding: Decoding, max_pixels: int) -> None:
        """`max_pixels`: of one picture that is read."""
        self._outputs = outputs
        self._decoding = decoding
        self._max_pixels = max_pixels

    async def read_output(self, output: str) -> bytes:
        """A PNG of a picture that a job made. Raises BadRequest naming the field."""
        try:
            found = await asyncio.to_thread(self._outputs.find, output.removeprefix("/output/"))
        except (NotFound, InvalidPath):
            raise BadRequest(f"output: there is no output {output!r}", field="output") from None
        if found.is_folder:
            raise BadRequest(f"output: {output!r} is a folder, not a picture", field="output")
        return await self._shrink("output", found.path.read_bytes)

    async def read_text(self, field: str, text: str) -> bytes:
        """A PNG of a picture in base64, also as a data address. Raises BadRequest naming the field."""
        head, comma, rest = text.partition(",")
        try:
            content = base64.b64decode(rest if comma and head.startswith("data:") else text, validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest(f"{field}: this is not base64", field=field) from None
        return await self._shrink(field, lambda: content)

    async def write(self, model: Path, picture: bytes) -> None:
        """Show a picture beside a model, in place of the one that is shown. Raises NotWritten."""
        target = model.with_name(model.stem + ENDING)
        with telling_disk_failures(target):
            await asyncio.to_thread(_replace, target, picture)

    async def remove(self, model: Path) -> None:
        """Delete the pictures beside a model. Raises NotWritten."""
        with telling_disk_failures(model):
            for path in await asyncio.to_thread(list_pictures, model):
                path.unlink(missing_ok=True)

    async def _shrink(self, field: str, read: Callable[[], bytes]) -> bytes:
        def work() -> bytes:
            image = open_file(field, read(), self._max_pixels)
            with self._decoding.hold(image.width * image.height):
                shown: Image.Image = prepare(_FIELD, decode(field, image)).image
                shown.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
                buffer = io.BytesIO()
                shown.save(buffer, "PNG")
            return buffer.getvalue()

        return await self._decoding.run(work)


def _replace(target: Path, content: bytes) -> None:
    unfinished = target.with_name(f".{target.name}.part")
    try:
        unfinished.write_bytes(content)
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)
