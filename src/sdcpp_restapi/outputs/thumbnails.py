"""Thumbnails: 120x120 JPEGs, made when asked for and kept in `.thumbs` beside the pictures."""

import asyncio
import io
import logging
import os
import secrets
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from ..decoding import Decoding
from ..errors import BadRequest, PicturesBusy
from .folder import Found
from .media import MEDIA, kind_of

log = logging.getLogger(__name__)

SIDE = 120
QUALITY = 85
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
# What the names of videos promise (media.VIDEOS). Left to guess, FFmpeg would also open playlists, which name
# other files and addresses.
VIDEO_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi"
# 8192x8192 is what upscaling makes; decoding it takes 270 MB for as long as the thumbnail is made.
MOST_PIXELS = 80_000_000
AT_ONCE = 2
_GREY = (128, 128, 128, 255)
_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="120" height="120" viewBox="0 0 120 120">'
    '<rect width="120" height="120" fill="#2b303b"/>{}</svg>'
)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """The body and the Content-Type of the answer."""

    content: bytes
    media_type: str


PLAY_BUTTON = Thumbnail(
    _SVG.format(
        '<circle cx="60" cy="60" r="30" fill="none" stroke="#fff" stroke-width="4"/>'
        '<path d="M52 45v30l25-15z" fill="#fff"/>'
    ).encode(),
    "image/svg+xml",
)
BROKEN = Thumbnail(
    _SVG.format(
        '<path d="M30 36h60v48H30z" fill="none" stroke="#9aa3b2" stroke-width="4"/>'
        '<path d="M44 46l32 28M76 46L44 74" stroke="#9aa3b2" stroke-width="4"/>'
    ).encode(),
    "image/svg+xml",
)


class Thumbnails:
    """Makes at most AT_ONCE thumbnails at the same time: the engine needs the CPU."""

    def __init__(self, decoding: Decoding) -> None:
        self._decoding = decoding
        self._turns = asyncio.Semaphore(AT_ONCE)
        # `_make` has a bound of its own. Set once: warnings can't be silenced for one thread alone.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)

    async def get(self, source: Found, keep: bool = True, frame: bool = False) -> Thumbnail:
        """The thumbnail of an image, and of a video its placeholder, or a `frame` of it.

        Without `keep` nothing is written: for pictures in folders that are not ours. Raises BadRequest for
        other files, PicturesBusy.
        """
        kind = "folder" if source.is_folder else kind_of(source.path.name)
        if kind == "video" and not frame:
            return PLAY_BUTTON
        if kind not in ("image", "video"):
            raise BadRequest(f"Thumbnails are made of images and videos only: {', '.join(MEDIA)}")
        stored = await asyncio.to_thread(_read_stored, source) if keep else None
        if stored is None:
            async with self._turns:
                make = self._read_or_make if keep else self._make
                stored = await self._decoding.run(make, source)
        return stored

    def _read_or_make(self, source: Found) -> Thumbnail:
        # Looked up again: another request may have had it made while this one waited.
        stored = _read_stored(source)
        if stored is None:
            stored = self._make(source)
            if stored is not BROKEN:
                _store(stored.content, source)
        return stored

    def _make(self, source: Found) -> Thumbnail:
        try:
            content = self._render(source.path)
        except PicturesBusy:
            raise
        except Exception as error:  # a file that was made to confuse can have Pillow raise anything
            log.info("no thumbnail of %s: %r", source.path, error)
            content = None
        return Thumbnail(content, "image/jpeg") if content else BROKEN

    def _render(self, path: Path) -> bytes | None:
        if kind_of(path.name) == "video":
            frame = self._read_first_frame(path)
            return _encode_jpeg(_crop_square(frame)) if frame else None
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                return None
            # A JPEG is decoded at the smallest size that suffices.
            image.draft(None, (2 * SIDE, 2 * SIDE))
            with self._decoding.hold(image.width * image.height):
                return _encode_jpeg(_crop_square(image))

    def _read_first_frame(self, path: Path) -> Image.Image | None:
        """The first frame that can be shown; None where a frame has too many pixels, or none is whole.

        Raises all kinds of errors, av.FFmpegError among them, for a file that is not a video.
        """
        import av  # takes long to import, and most folders have no videos

        with av.open(
            str(path), options={"format_whitelist": VIDEO_FORMATS, "protocol_whitelist": "file"}
        ) as file:
            stream = file.streams.video[0]
            pixels = stream.width * stream.height
            if pixels > MOST_PIXELS:
                return None
            with self._decoding.hold(pixels):
                for frame in file.decode(stream):
                    return Image.fromarray(frame.to_ndarray(format="rgb24"))
        return None


def _read_stored(source: Found) -> Thumbnail | None:
    """The one in `.thumbs`, if it was made of the file as it is now: then it carries its date."""
    try:
        with open(_path_of(source.path), "rb") as file:
            if os.fstat(file.fileno()).st_mtime_ns == source.stat.st_mtime_ns:
                return Thumbnail(file.read(), "image/jpeg")
    except OSError:
        pass
    return None


def _crop_square(image: Image.Image) -> Image.Image:
    """The middle of the picture, upright, 120x120."""
    if image.mode.startswith("I"):
        image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    elif image.mode in ("1", "P", "PA"):
        image = image.convert("RGBA")
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    return ImageOps.exif_transpose(
        image.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box=box, reducing_gap=2.0)
    )


def _encode_jpeg(image: Image.Image) -> bytes:
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, _GREY), image.convert("RGBA"))
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def _path_of(source: Path) -> Path:
    """`.thumbs/<stem>.jpg`, or `.thumbs/<name>.jpg` where other media share the stem."""
    suffixes = {*MEDIA, *map(str.upper, MEDIA)} - {source.suffix}
    shared = any(os.path.exists(source.with_suffix(suffix)) for suffix in suffixes)
    return source.parent / ".thumbs" / f"{source.name if shared else source.stem}.jpg"


def _store(content: bytes, source: Found) -> None:
    """Store it, dated as the picture. A folder that can't be written to does without."""
    place = _path_of(source.path)
    unfinished = place.with_name(f"{secrets.token_hex(8)}.tmp")
    with suppress(OSError):
        _make_folder(place.parent)
        try:
            unfinished.write_bytes(content)
            os.utime(unfinished, ns=(source.stat.st_mtime_ns, source.stat.st_mtime_ns))
            os.replace(unfinished, place)
        finally:
            unfinished.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    before = folder.parent.stat()
    with suppress(FileExistsError):
        folder.mkdir()
        # Looking at a job must not make it the newest one.
        os.utime(folder.parent, ns=(before.st_atime_ns, before.st_mtime_ns))
