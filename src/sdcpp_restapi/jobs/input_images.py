"""Input images: decoded and checked when they arrive, stored as PNG files, referred to by name ever after.

Field of a request -> files `<data_dir>/inputs/<job_id>/<field>_<i>.png`; in the stored request the base64
text is replaced by `input:<job_id>/<field>` (`.../<i>` in lists), which every image field also accepts.
"""

import asyncio
import base64
import binascii
import io
import os
import re
import shutil
import warnings
from contextlib import suppress
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import BadRequest, storage_error
from ..schemas.base import Request
from ..schemas.jobs import InputImage, Job

SINGLE_FIELDS = (
    "init_image_base64",
    "end_image_base64",
    "mask_image_base64",
    "control_image_base64",
    "image_base64",
)
LIST_FIELDS = ("ref_images", "pm_id_images", "control_frames")
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
_JOB_ID = re.compile(r"[0-9a-f-]{36}")
_REFERENCE = re.compile(r"input:([0-9a-f-]{36})/([a-z_0-9]+)(?:/(\d{1,4}))?")


class InputStore:
    """The folder of input images."""

    def __init__(self, folder: Path, max_pixels: int) -> None:
        self._folder = folder
        self._max_pixels = max_pixels

    async def store[R: Request](self, job_id: str, request: R) -> R:
        """The request with its images stored and replaced by references. Raises BadRequest, DiskFull."""
        given = _images_of(request)
        if not given:
            return request
        try:
            await asyncio.to_thread(self._store_all, job_id, given)
        except OSError as error:
            await self.remove(job_id)
            raise storage_error(self._folder.parent, error) from error
        except BaseException:
            await self.remove(job_id)
            raise
        single = {f: f"input:{job_id}/{f}" for f in SINGLE_FIELDS if f in given}
        lists = {
            f: [f"input:{job_id}/{f}/{i}" for i in range(len(given[f]))] for f in LIST_FIELDS if f in given
        }
        return request.model_copy(update=single | lists)

    async def sizes(self, request: Request) -> dict[str, list[tuple[int, int]]]:
        """Width and height of every image of a request, by field; nothing is stored. Raises BadRequest."""
        return await asyncio.to_thread(self._sizes, _images_of(request))

    def files(self, job: Job) -> dict[str, list[str]]:
        """Image field -> absolute paths, in order."""
        return {field: [str(p) for p in paths] for field, paths in self._list_stored(job.id).items()}

    async def describe(self, job_id: str) -> list[InputImage]:
        """Size in pixels and bytes of each stored input."""
        return await asyncio.to_thread(self._describe, job_id)

    async def remove(self, *job_ids: str) -> None:
        """Delete the inputs of jobs."""
        await asyncio.to_thread(self._remove, job_ids)

    async def list_owners(self) -> list[str]:
        """Ids of the jobs, stored or not, that have inputs."""
        return await asyncio.to_thread(self._owners)

    def folder(self, job_id: str) -> Path:
        """Where the inputs of a job are, if it has any."""
        return self._folder / job_id

    def _remove(self, job_ids: tuple[str, ...]) -> None:
        for job_id in job_ids:
            shutil.rmtree(self.folder(job_id), ignore_errors=True)

    def _owners(self) -> list[str]:
        try:
            return [name for name in os.listdir(self._folder) if _JOB_ID.fullmatch(name)]
        except FileNotFoundError:
            return []

    def _list_stored(self, job_id: str) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for path in sorted((self._folder / job_id).glob("*.png"), key=_field_and_index):
            found.setdefault(_field_and_index(path)[0], []).append(path)
        return found

    def _describe(self, job_id: str) -> list[InputImage]:
        described = []
        for field, paths in self._list_stored(job_id).items():
            for path in paths:
                # They may be deleted while somebody looks.
                with suppress(FileNotFoundError), Image.open(path) as image:
                    size = path.stat().st_size
                    described.append(
                        InputImage(field=field, width=image.width, height=image.height, bytes=size)
                    )
        return described

    def _sizes(self, given: dict[str, list[str]]) -> dict[str, list[tuple[int, int]]]:
        return {field: [self._read(field, text).size for text in texts] for field, texts in given.items()}

    def _store_all(self, job_id: str, given: dict[str, list[str]]) -> None:
        folder = self._folder / job_id
        folder.mkdir(parents=True)
        for field, texts in given.items():
            for index, text in enumerate(texts):
                image = self._read(field, text)
                mode = "L" if field.startswith("mask") else "RGB"
                # Level 1: these files are read once, by our own child.
                image.convert(mode).save(folder / f"{field}_{index}.png", compress_level=1)

    def _read(self, field: str, text: str) -> Image.Image:
        reference = _REFERENCE.fullmatch(text)
        if reference:
            return self._open_stored(field, reference)
        return self._decode(field, _decode_base64(field, text))

    def _open_stored(self, field: str, reference: re.Match[str]) -> Image.Image:
        job_id, name, index = reference.groups()
        path = self._folder / job_id / f"{name}_{index or 0}.png"
        try:
            with Image.open(path) as image:
                image.load()
                return image
        except OSError:
            raise BadRequest(
                f"{field}: {reference.group()!r} is not a stored input; those of a job are deleted with it"
            ) from None

    def _decode(self, field: str, data: bytes) -> Image.Image:
        try:
            with warnings.catch_warnings():
                # Our own bound follows; Pillow's warning about large pictures would only repeat it.
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                image = Image.open(io.BytesIO(data), formats=FORMATS)
                pixels = image.width * image.height
                if pixels > self._max_pixels:
                    raise BadRequest(
                        f"{field}: {image.width}x{image.height} is too large;"
                        f" at most {self._max_pixels} pixels (setting limits.max_image_pixels)"
                    )
                image.load()
                return ImageOps.exif_transpose(image)
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            raise BadRequest(f"{field}: not a readable image; allowed are {', '.join(FORMATS)}") from None


def _images_of(request: Request) -> dict[str, list[str]]:
    single = {f: [getattr(request, f)] for f in SINGLE_FIELDS if getattr(request, f, None)}
    return single | {f: getattr(request, f) for f in LIST_FIELDS if getattr(request, f, None)}


def _decode_base64(field: str, text: str) -> bytes:
    if text.startswith("data:"):
        text = text.partition(",")[2]
    text = "".join(text.split()).translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest(f"{field}: not valid base64") from None


def _field_and_index(path: Path) -> tuple[str, int]:
    field, _, index = path.stem.rpartition("_")
    return field, int(index)
