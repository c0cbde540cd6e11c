"""Writing a video: an MP4 that every browser plays, encoded frame by frame."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import av
import numpy as np
from PIL import Image

from ...errors import JobCancelled, JobFailed
from ...schemas.engine import GenerateVideo, VideoGenerated
from ..binding import image_buffers
from ..binding.structs import sd_image_t
from . import a1111_text, image_files
from .single_colour import find_single_colour, warn_of_single_coloured_frames

# x264's own scale: at 17 few can tell the copy from the original.
QUALITY = {"crf": "17"}
# Another number makes another file, and x264's own choice depends on the cores.
THREADS = {"threads": "4"}
# With AVX-512 x264's macroblock tree reads memory that nobody has written: the same frames make other files
# (PyAV 19.0.2, x264 165: 10 of 30 at 320x240; with AVX2 none). Only where the CPU has AVX-512, and so AVX2:
# x264 does not check what it is told.
WITHOUT_AVX_512 = {"x264-params": "asm=avx2"}
CPU = Path("/proc/cpuinfo")
# ITU-T H.273: BT.709 at limited range, which browsers assume at high definition only; so it is said.
BT_709, LIMITED_RANGE = 1, 1
POSTER_QUALITY = 90


def write_video(
    command: GenerateVideo, made: list[sd_image_t], seconds: float, is_cancelled: Callable[[], bool]
) -> VideoGenerated:
    """Write video.mp4, poster.jpg and, where they are asked for, the frames. One frame at a time is copied.

    Raises JobCancelled, or JobFailed, e.g. when the disk is full.
    """
    started = time.monotonic()
    folder = Path(command.folder)
    try:
        frames, colours = _write_frames(command, made, folder, is_cancelled)
    except (OSError, av.FFmpegError) as error:
        raise JobFailed(f"The video cannot be written: {error}") from error
    return VideoGenerated(
        id=command.id,
        files=["video.mp4", *frames],
        seconds=seconds,
        write_seconds=time.monotonic() - started,
        warnings=warn_of_single_coloured_frames("video.mp4", colours),
    )


def _write_frames(
    command: GenerateVideo, made: list[sd_image_t], folder: Path, is_cancelled: Callable[[], bool]
) -> tuple[list[str], set[str | None]]:
    """Encode the video and write the other files; the names of those of its frames, and their colours."""
    params, size = command.params, (made[0].width, made[0].height)
    text = a1111_text.format_parameters(command, params.seed, size)
    colours: set[str | None] = set()
    names = [f"frames/frame_{number:04d}.png" for number in range(len(made))] if params.save_frames else []
    if names:
        (folder / "frames").mkdir()
    with open_mp4(folder / "video.mp4", size, params.fps, text) as append:
        for number, struct in enumerate(made):
            if is_cancelled():
                raise JobCancelled
            frame = _copy_frame(struct, number)
            append(frame)
            colours.add(find_single_colour(frame))
            if number == 0:
                frame.save(folder / "poster.jpg", "JPEG", quality=POSTER_QUALITY)
            if names:
                image_files.write_image(frame, folder / names[number], text)
    return names, colours


def _copy_frame(struct: sd_image_t, number: int) -> Image.Image:
    image = image_buffers.copy_image(struct)
    if image is None:
        raise JobFailed(f"The engine made no picture of frame {number}")
    return image.convert("RGB")


@contextmanager
def open_mp4(
    path: Path, size: tuple[int, int], fps: int, comment: str
) -> Iterator[Callable[[Image.Image], None]]:
    """A new H.264 file: the block is given a function that appends an RGB frame of this size.

    The same frames make the same file.

    yuv420p has even sizes only: an odd column or row at the edge is cut off. Raises av.FFmpegError.
    """
    width, height = size[0] & ~1, size[1] & ~1
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as file:
        file.metadata["comment"] = comment
        stream = file.add_stream("libx264", rate=fps, options=_options())
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.color_range = LIMITED_RANGE
        stream.colorspace = stream.color_primaries = stream.color_trc = BT_709

        def append(image: Image.Image) -> None:
            pixels = np.asarray(image.crop((0, 0, width, height)))
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            file.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace="ITU709")))

        yield append
        file.mux(stream.encode())


@cache
def _options() -> dict[str, str]:
    """The coder's options on this machine."""
    try:
        avx_512 = " avx512" in CPU.read_text()
    except OSError:  # not Linux
        avx_512 = False
    return QUALITY | THREADS | (WITHOUT_AVX_512 if avx_512 else {})
