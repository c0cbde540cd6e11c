"""The child's second context: an ESRGAN upscaler beside the main model.

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
from . import image_files
from .log_parser import LogParser
from .tiles import Tile, tiles

# Weights are read at first use: a picture of this size shows that they can be.
PROOF_SIZE = (8, 8)


class Upscaler:
    """Owns the library's upscaler context. All methods belong to the engine's thread."""

    def __init__(
        self,
        library: Library,
        listener: LogParser,
        report: Callable[[Report], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self._library = library
        self._listener = listener
        self._report = report
        self._cancelled = cancelled
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
        with self._listener.working(command.id):
            device = command.backend.encode() if command.backend else None
            context = c.new_upscaler_ctx(os.fsencode(command.path), False, threads, 0, device, None)
            self._context = context or None
            if self._context is None:
                raise LoadFailed(self._listener.why("the engine refused the upscaler and did not say why"))
            self._scale = c.get_upscale_factor(self._context)
            self._prove()
        return UpscalerReady(id=command.id, upscale_factor=self._scale, seconds=time.monotonic() - started)

    def unload(self) -> None:
        """Free what is loaded, if anything is."""
        if self._context is not None:
            context, self._context = self._context, None
            self._library.c.free_upscaler_ctx(context)

    def upscale(self, command: Upscale) -> Upscaled:
        """Enlarge a stored picture and write it. Raises JobCancelled (no file is written) or JobFailed."""
        started = time.monotonic()
        picture = image_buffers.opened(command.image, "RGB")
        total = self.tile_count(picture.size, command.enlargement)

        def tell(done: int) -> None:
            self._report(Step(id=command.id, step=done, total_steps=total, image=0, images=1))

        with self._listener.working(command.id):
            large = self.enlarged(picture, command.enlargement, tell)
        seconds = time.monotonic() - started
        file = image_files.write_result(large, Path(command.folder), "image_0", _text(command))
        return Upscaled(
            id=command.id,
            file=file,
            width=large.width,
            height=large.height,
            seconds=seconds,
            write_seconds=time.monotonic() - started - seconds,
        )

    def tile_count(self, size: tuple[int, int], how: Enlargement) -> int:
        """How many tiles all repeats together have."""
        factor, (width, height) = how.factor or self._scale, size
        passes = [(width * factor**i, height * factor**i) for i in range(how.repeats)]
        return sum(len(list(tiles(one, how.tile_size))) for one in passes)

    def enlarged(
        self, picture: Image.Image, how: Enlargement, tell: Callable[[int], None] = lambda _done: None
    ) -> Image.Image:
        """An RGB picture, made larger; `tell` hears the number of tiles done.

        Raises JobCancelled between two tiles, JobFailed in the engine's words.
        """
        if self._context is None:
            raise JobFailed("No upscaler is loaded")
        factor = how.factor or self._scale
        done = 0
        for _ in range(how.repeats):
            size = (picture.width * factor, picture.height * factor)
            large = Image.new("RGB", (picture.width * self._scale, picture.height * self._scale))
            for tile in tiles(picture.size, how.tile_size):
                self._put(picture, tile, large)
                done += 1
                tell(done)
            picture = large if large.size == size else large.resize(size, Image.Resampling.LANCZOS)
        return picture

    def _put(self, picture: Image.Image, tile: Tile, large: Image.Image) -> None:
        """Enlarge a tile with the margin that it needs to look around, and keep what is inside."""
        if self._cancelled():
            raise JobCancelled
        made = self._call(picture.crop(tile.outer))
        left, top = tile.outer[:2]
        inside = [(a - b) * self._scale for a, b in zip(tile.inner, (left, top, left, top), strict=True)]
        corner = (tile.inner[0] * self._scale, tile.inner[1] * self._scale)
        large.paste(made.crop((inside[0], inside[1], inside[2], inside[3])), corner)

    def _call(self, picture: Image.Image) -> Image.Image:
        given = image_buffers.as_struct(picture)
        made, count = ctypes.POINTER(sd_image_t)(), ctypes.c_int()
        try:
            done = self._library.c.upscale(
                self._context, given.struct, self._scale, ctypes.byref(made), ctypes.byref(count)
            )
            copy = image_buffers.copied(made[0]) if done and count.value else None
        finally:
            if made:
                self._library.c.free_sd_images(made, count.value)
        if copy is None:
            raise JobFailed(self._listener.why("The engine made no picture and did not say why"))
        return copy.convert("RGB")

    def _prove(self) -> None:
        try:
            self._call(Image.new("RGB", PROOF_SIZE))
        except JobFailed as error:
            self.unload()
            raise LoadFailed(str(error)) from error


def _text(command: Upscale) -> str:
    """What the A1111 web UI writes into pictures that it only enlarged."""
    how = command.enlargement
    times = f", Postprocess upscale repeats: {how.repeats}" if how.repeats > 1 else ""
    return (
        f"Postprocess upscale by: {how.factor}{times},"
        f" Postprocess upscaler: {image_files.quoted(command.upscaler_name)}"
    )
