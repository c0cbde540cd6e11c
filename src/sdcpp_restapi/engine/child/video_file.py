"""Writing a video: an MP4 that every browser plays, encoded frame by frame."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path

import av
import numpy as np
from PIL import Image

from ...errors import JobCancelled, JobFailed
from ...os_support.linux_files import has_avx_512
from ...schemas.engine import GenerateVideo, VideoGenerated
from ..binding import image_buffers
from ..binding.structs import sd_image_t
from . import a1111_text, image_files, sound
from .single_colour import find_single_colour, warn_of_single_coloured_frames

# x264's own scale: at 17 few can tell the copy from the original.
QUALITY = {"crf": "17"}
# Another number makes another file, and x264's own choice depends on the cores.
THREADS = {"threads": "4"}
# With AVX-512 x264's macroblock tree reads memory that nobody has written: the same frames make other files
# (PyAV 19.0.2, x264 165: 10 of 30 at 320x240; with AVX2 none). Only where the CPU has AVX-512, and so AVX2:
# x264 does not check what it is told.
WITHOUT_AVX_512 = {"x264-params": "asm=avx2"}
# ITU-T H.273: BT.709 at limited range, which browsers assume at high definition only; so it is said.
BT_709, LIMITED_RANGE = 1, 1
POSTER_QUALITY = 90

type Append = Callable[[Image.Image], None]


def write_video(
    command: GenerateVideo,
    made: list[sd_image_t],
    seconds: float,
    is_cancelled: Callable[[], bool],
    *,
    fps: int | None = None,
    heard: sound.Sound | None = None,
) -> VideoGenerated:
    """Write video.mp4, poster.jpg and, where they are asked for, the frames. One frame at a time is copied.

    `fps` is what the engine made the video for, where it tells; `heard` the sound. Raises JobCancelled, or
    JobFailed, e.g. when the disk is full.
    """
    started = time.monotonic()
    asked = command.params.fps
    rate = fps or asked
    told = [f"fps: the model made the video for {rate} frames a second, not {asked}"] if rate != asked else []
    try:
        with _open_video(command, made, rate, heard) as append:
            frames, colours = _write_frames(command, made, append, is_cancelled)
    except (OSError, av.FFmpegError) as error:
        raise JobFailed(f"The video cannot be written: {error}") from error
    return VideoGenerated(
        id=command.id,
        files=["video.mp4", *frames],
        seconds=seconds,
        write_seconds=time.monotonic() - started,
        warnings=[*told, *warn_of_single_coloured_frames("video.mp4", colours)],
    )


def _open_video(
    command: GenerateVideo, made: list[sd_image_t], fps: int, heard: sound.Sound | None
) -> AbstractContextManager[Append]:
    size = made[0].width, made[0].height
    path = Path(command.folder) / "video.mp4"
    return open_mp4(path, size, fps, _describe(command, made), heard)


def _describe(command: GenerateVideo, made: list[sd_image_t]) -> str:
    size = made[0].width, made[0].height
    return a1111_text.format_parameters(command, command.params.seed, size)


def _write_frames(
    command: GenerateVideo, made: list[sd_image_t], append: Append, is_cancelled: Callable[[], bool]
) -> tuple[list[str], set[str | None]]:
    """Append the frames to the video and write the other files; the names of the frames', their colours."""
    params, folder = command.params, Path(command.folder)
    text = _describe(command, made)
    colours: set[str | None] = set()
    names = [f"frames/frame_{number:04d}.png" for number in range(len(made))] if params.save_frames else []
    if names:
        (folder / "frames").mkdir()
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
    path: Path, size: tuple[int, int], fps: int, comment: str, heard: sound.Sound | None = None
) -> Iterator[Append]:
    """A new H.264 file: the block is given a function that appends an RGB frame of this size.

    The same frames and the same sound make the same file.

    yuv420p has even sizes only: an odd column or row at the edge is cut off. Raises av.FFmpegError.
    """
    width, height = size[0] & ~1, size[1] & ~1
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as file:
        file.metadata["comment"] = comment
        stream = file.add_stream("libx264", rate=fps, options=_options())
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.color_range = LIMITED_RANGE
        stream.colorspace = stream.color_primaries = stream.color_trc = BT_709

        track = sound.add_stream(file, heard) if heard else None

        def append(image: Image.Image) -> None:
            pixels = np.asarray(image.crop((0, 0, width, height)))
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            file.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace="ITU709")))

        yield append
        file.mux(stream.encode())
        if track and heard:
            sound.encode(file, track, heard)


@cache
def _options() -> dict[str, str]:
    """The coder's options on this machine."""
    return QUALITY | THREADS | (WITHOUT_AVX_512 if has_avx_512() else {})
