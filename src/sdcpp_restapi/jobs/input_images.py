"""Input images: decoded and checked when they arrive, stored as PNG files, referred to by name ever after.

Field of a request -> files `<data_dir>/inputs/<job_id>/<field>_<i>.png`; in the stored request the base64
text is replaced by `input:<job_id>/<field>` (`.../<i>` in lists), which every image field also accepts.
"""

import asyncio
import base64
import binascii
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ..decoding import Decoding
from ..errors import BadRequest, storage_error
from ..schemas.base import Request
from ..schemas.jobs import InputImage, Job
from .pictures import Picture, decode, open_file, prepare

SINGLE_FIELDS = (
    "init_image_base64",
    "end_image_base64",
    "mask_image_base64",
    "control_image_base64",
    "ip_adapter_image_base64",
    "image_base64",
)
LIST_FIELDS = ("ref_images", "pm_id_images", "control_frames")
_JOB_ID = re.compile(r"[0-9a-f-]{36}")
_REFERENCE = re.compile(r"input:([0-9a-f-]{36})/([a-z_0-9]+)(?:/(\d{1,4}))?")


@dataclass(frozen=True)
class StoredInputs[R: Request]:
    """A request with references in place of its images, and sentences on what was done to them."""

    request: R
    warnings: list[str]


@dataclass(frozen=True)
class CheckedInputs:
    """Width and height of every image of a request, by field, and sentences on what would be done to them."""

    sizes: dict[str, list[tuple[int, int]]]
    warnings: list[str]


class InputStore:
    """The folder of input images."""

    def __init__(self, folder: Path, max_pixels: int, decoding: Decoding) -> None:
        """`max_pixels`: of one image."""
        self._folder = folder
        self._max_pixels = max_pixels
        self._decoding = decoding

    async def store[R: Request](self, job_id: str, request: R) -> StoredInputs[R]:
        """The request with its images stored and replaced by references. Raises BadRequest, DiskFull,
        PicturesBusy."""
        given = _images_of(request)
        if not given:
            return StoredInputs(request, [])
        try:
            warnings = await self._decoding.run(self._store_all, job_id, given)
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
        return StoredInputs(request.model_copy(update=single | lists), warnings)

    async def check(self, request: Request) -> CheckedInputs:
        """What storing the images of a request would do; nothing is stored. Raises BadRequest,
        PicturesBusy."""
        return await self._decoding.run(self._check, _images_of(request))

    async def look_at[T](self, field: str, text: str, look: Callable[[Image.Image], T]) -> T:
        """What `look` tells of a picture that came for a field, with its transparency; nothing is stored.

        Raises BadRequest, PicturesBusy.
        """
        return await self._decoding.run(self._look_at, field, text, look)

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

    def _check(self, given: dict[str, list[str]]) -> CheckedInputs:
        sizes: dict[str, list[tuple[int, int]]] = {}
        warnings: dict[str, None] = {}
        for field, texts in given.items():
            for text in texts:
                with self._read(field, text) as picture:
                    sizes.setdefault(field, []).append(picture.image.size)
                    warnings |= dict.fromkeys(picture.warnings)
                del picture  # before the next one is decoded
        return CheckedInputs(sizes, list(warnings))

    def _look_at[T](self, field: str, text: str, look: Callable[[Image.Image], T]) -> T:
        image = open_file(field, decode_base64(field, text), self._max_pixels)
        with image, self._decoding.hold(image.width * image.height):
            return look(decode(field, image))

    def _store_all(self, job_id: str, given: dict[str, list[str]]) -> list[str]:
        folder = self._folder / job_id
        folder.mkdir(parents=True)
        warnings: dict[str, None] = {}
        for field, texts in given.items():
            for index, text in enumerate(texts):
                with self._read(field, text) as picture:
                    # Level 1: these files are read once, by our own child.
                    picture.image.save(folder / f"{field}_{index}.png", compress_level=1)
                    warnings |= dict.fromkeys(picture.warnings)
                del picture  # before the next one is decoded
        return list(warnings)

    @contextmanager
    def _read(self, field: str, text: str) -> Iterator[Picture]:
        reference = _REFERENCE.fullmatch(text)
        if reference:
            image = self._open_stored(field, reference)
        else:
            image = open_file(field, decode_base64(field, text), self._max_pixels)
        with image, self._decoding.hold(image.width * image.height):
            yield prepare(field, decode(field, image))

    def _open_stored(self, field: str, reference: re.Match[str]) -> Image.Image:
        job_id, name, index = reference.groups()
        path = self._folder / job_id / f"{name}_{index or 0}.png"
        try:
            return Image.open(path)
        except OSError:
            raise BadRequest(
                f"{field}: {reference.group()!r} is not a stored input; those of a job are deleted with it"
            ) from None


def has_images(params: Mapping[str, object]) -> bool:
    """Whether a stored request came with images."""
    return any(params.get(name) for name in (*SINGLE_FIELDS, *LIST_FIELDS))


def _images_of(request: Request) -> dict[str, list[str]]:
    single = {f: [getattr(request, f)] for f in SINGLE_FIELDS if getattr(request, f, None)}
    return single | {f: getattr(request, f) for f in LIST_FIELDS if getattr(request, f, None)}


def decode_base64(field: str, text: str) -> bytes:
    """The file in an image field of a request, with or without `data:` before it. Raises BadRequest."""
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
