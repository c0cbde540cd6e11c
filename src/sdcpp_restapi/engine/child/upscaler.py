"""The library's second context: an ESRGAN upscaler beside the main model.

The engine's own tiling is one long call that nothing can stop. Here each tile is a call of its own, so that a
cancel acts between two tiles and progress counts them.
"""

import ctypes
import os
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from ...errors import JobCancelled, JobFailed, LoadFailed
from ...schemas.engine import LoadUpscaler, Report, Step, Upscale, Upscaled, UpscalerReady
from ...schemas.upscaling import Enlargement
from ..binding import image_buffers
from ..binding.library import Library
from ..binding.structs import sd_image_t
from . import a1111_text, image_files
from .log_parser import LogParser
from .single_colour import find_single_colour, warn_of_single_colour
from .tiles import Tile, split_into_tiles

# Weights are read at first use: enlarging an image of this size shows that they can be.
CHECK_SIZE = (8, 8)


class Upscaler:
    """Owns the library's upscaler context. All methods are called in the engine's thread only."""

    def __init__(
        self,
        *,
        library: Library,
        log_parser: LogParser,
        report: Callable[[Report], None],
        is_cancelled: Callable[[], bool],
    ) -> None:
        self._library = library
        self._log_parser = log_parser
        self._report = report
        self._is_cancelled = is_cancelled
        self._context: int | None = None
        self._scale = 0

    def load(self, command: LoadUpscaler) -> UpscalerReady:
        """Free what is loaded, then load this with all its weights.

        Raises LoadFailed in the engine's words; nothing is loaded then.
        """
        self.unload()
        started = time.monotonic()
        c = self._library.c
        threads = command.n_threads if command.n_threads > 0 else c.sd_get_num_physical_cores()
        with self._log_parser.follow_silently(command.id):
            device = command.backend.encode() if command.backend else None
            context = c.new_upscaler_ctx(os.fsencode(command.path), False, threads, 0, device, None)
            self._context = context or None
            if self._context is None:
                otherwise = "the engine refused the upscaler and did not say why"
                raise LoadFailed(self._log_parser.explain(otherwise))
            self._scale = c.get_upscale_factor(self._context)
            self._check_weights()
        return UpscalerReady(id=command.id, upscale_factor=self._scale, seconds=time.monotonic() - started)

    def unload(self) -> None:
        """Free what is loaded, if anything is."""
        if self._context is not None:
            context, self._context = self._context, None
            self._library.c.free_upscaler_ctx(context)

    def upscale(self, command: Upscale) -> Upscaled:
        """Enlarge a stored image and write it. Raises JobCancelled (no file is written) or JobFailed."""
        started = time.monotonic()
        image, alpha = image_buffers.split_alpha(image_buffers.open_image(command.image, "RGBA"))
        total = self.count_tiles(image.size, command.enlargement)

        def on_tile(done: int) -> None:
            self._report(Step(id=command.id, step=done, total_steps=total, image=0, images=1))

        with self._log_parser.follow_silently(command.id):
            large = self.enlarge(image, command.enlargement, on_tile)
        if alpha is not None:  # the engine knows no transparency
            large.putalpha(alpha.resize(large.size, Image.Resampling.LANCZOS))
        seconds = time.monotonic() - started
        file = image_files.write_result(large, Path(command.folder), "image_0", _format_text(command))
        return Upscaled(
            id=command.id,
            file=file,
            width=large.width,
            height=large.height,
            seconds=seconds,
            write_seconds=time.monotonic() - started - seconds,
            warnings=[]
            if find_single_colour(image)
            else warn_of_single_colour(file, find_single_colour(large)),
        )

    def count_tiles(self, size: tuple[int, int], how: Enlargement) -> int:
        """How many tiles all repeats together have."""
        factor, (width, height) = how.factor or self._scale, size
        passes = [(width * factor**i, height * factor**i) for i in range(how.repeats)]
        return sum(len(list(split_into_tiles(one, how.tile_size))) for one in passes)

    def enlarge(
        self, image: Image.Image, how: Enlargement, on_tile: Callable[[int], None] = lambda _done: None
    ) -> Image.Image:
        """Enlarge an RGB image; `on_tile` is called with the number of tiles done.

        Raises JobCancelled between two tiles, JobFailed in the engine's words.
        """
        if self._context is None:
            raise JobFailed("No upscaler is loaded")
        factor = how.factor or self._scale
        done = 0
        for _ in range(how.repeats):
            size = (image.width * factor, image.height * factor)
            large = Image.new("RGB", (image.width * self._scale, image.height * self._scale))
            for tile in split_into_tiles(image.size, how.tile_size):
                self._enlarge_tile(image, tile, large)
                done += 1
                on_tile(done)
            image = large if large.size == size else large.resize(size, Image.Resampling.LANCZOS)
        return image

    def _enlarge_tile(self, image: Image.Image, tile: Tile, large: Image.Image) -> None:
        """Enlarge a tile with its margin and paste the part without the margin into `large`."""
        if self._is_cancelled():
            raise JobCancelled
        made = self._call_upscale(image.crop(tile.outer))
        left, top = tile.outer[:2]
        inside = [(a - b) * self._scale for a, b in zip(tile.inner, (left, top, left, top), strict=True)]
        corner = (tile.inner[0] * self._scale, tile.inner[1] * self._scale)
        large.paste(made.crop((inside[0], inside[1], inside[2], inside[3])), corner)

    def _call_upscale(self, image: Image.Image) -> Image.Image:
        given = image_buffers.to_struct(image)
        made, count = ctypes.POINTER(sd_image_t)(), ctypes.c_int()
        try:
            done = self._library.c.upscale(
                self._context, given.struct, self._scale, ctypes.byref(made), ctypes.byref(count)
            )
            copy = image_buffers.copy_image(made[0]) if done and count.value else None
        finally:
            if made:
                self._library.c.free_sd_images(made, count.value)
        if copy is None:
            raise JobFailed(self._log_parser.explain("The engine made no picture and did not say why"))
        return copy.convert("RGB")

    def _check_weights(self) -> None:
        try:
            self._call_upscale(Image.new("RGB", CHECK_SIZE))
        except JobFailed as error:
            self.unload()
            raise LoadFailed(str(error)) from error


def _format_text(command: Upscale) -> str:
    """The text that the A1111 web UI writes into images that it only enlarged."""
    how = command.enlargement
    times = f", Postprocess upscale repeats: {how.repeats}" if how.repeats > 1 else ""
    return (
        f"Postprocess upscale by: {how.factor}{times},"
        f" Postprocess upscaler: {a1111_text.quote(command.upscaler_name)}"
    )
