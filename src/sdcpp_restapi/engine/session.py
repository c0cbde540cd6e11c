"""The session of one child with the C library: one model and one upscaler at most, one command at a time.

All methods but `cancel` belong to the engine's thread, in which the library calls back (its log callback
may come from threads of its own).
"""

import ctypes
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import JobCancelled, JobFailed, LoadFailed
from ..schemas.engine import Convert, Converted, Generate, Generated, Load, Loaded, MadeImage, Report
from . import conversion, images
from .capi import (
    CANCEL_ALL,
    CANCEL_RESET,
    Library,
    log_cb_t,
    preview_cb_t,
    progress_cb_t,
    sd_image_t,
)
from .image_params import image_params
from .listener import Listener
from .load_params import ctx_params
from .previews import PreviewTap
from .upscaler import Upscaler

NO_PREVIEW = preview_cb_t()  # NULL


class Session:
    """Owns the library's contexts: its own is the main model's."""

    def __init__(self, library: Library, report: Callable[[Report], None], debug: bool = False) -> None:
        self._library = library
        self._report = report
        self._listener = Listener(report, debug)
        self._context: int | None = None
        self._has_taesd = False
        self._cancelled = False
        self._stoppable = False
        self.upscaler = Upscaler(library, self._listener, report, lambda: self._cancelled)
        # Kept for the life of the process: the library calls them whenever it likes.
        self._log = log_cb_t(self._on_log)
        self._progress = progress_cb_t(self._on_progress)
        library.c.sd_set_log_callback(self._log, None)
        library.c.sd_set_progress_callback(self._progress, None)

    def load(self, command: Load) -> Loaded:
        """Free what is loaded, then load this with all its weights.

        Raises LoadFailed in the engine's words; nothing is loaded then.
        """
        self.unload()
        call = ctx_params(self._library, command.files, command.options)
        started = time.monotonic()
        with self._listener.loading(command.id):
            self._context = self._library.c.new_sd_ctx(ctypes.byref(call.struct)) or None
        if self._context is None:
            raise LoadFailed(self._listener.why("The engine refused the model and did not say why"))
        self._has_taesd = "taesd" in command.files.components
        return Loaded(
            id=command.id,
            engine_architecture=self._listener.architecture,
            makes_images=self._library.c.sd_ctx_supports_image_generation(self._context),
            makes_videos=self._library.c.sd_ctx_supports_video_generation(self._context),
            seconds=time.monotonic() - started,
        )

    def unload(self) -> None:
        """Free what is loaded, if anything is."""
        if self._context is not None:
            context, self._context = self._context, None
            self._library.c.free_sd_ctx(context)

    def begin(self) -> None:
        """Forget an earlier cancel: a new command comes to its turn."""
        self._cancelled = False

    def cancel(self) -> None:
        """Stop the running generation; from any thread."""
        self._cancelled = True
        self._insist()

    def generate(self, command: Generate) -> Generated:
        """Make the images of a job and write them into its folder.

        Raises JobCancelled (no file is written) or JobFailed, in the engine's words.
        """
        if self._context is None:
            raise JobFailed("No model is loaded")
        call = image_params(self._library, command)
        made, count = ctypes.POINTER(sd_image_t)(), ctypes.c_int()
        started = time.monotonic()
        try:
            with self._watched(command):
                done = self._library.c.generate_image(
                    self._context, ctypes.byref(call.struct), ctypes.byref(made), ctypes.byref(count)
                )
            seconds = time.monotonic() - started
            self._check_made(done and count.value > 0)
            return self._write(command, [made[i] for i in range(count.value)], seconds)
        finally:
            if made:
                self._library.c.free_sd_images(made, count.value)

    def convert(self, command: Convert) -> Converted:
        """Write a model file in another type; what is loaded stays. Raises JobFailed or JobCancelled."""
        return conversion.convert(self._library, self._listener, command, lambda: self._cancelled)

    @contextmanager
    def _watched(self, command: Generate) -> Iterator[None]:
        """For the time of the engine's call: steps and previews are reported, a cancel reaches it."""
        with self._listener.generating(command.id, command.params.batch_count), self._previews(command):
            self._stoppable = True
            try:
                self._insist()
                yield
            finally:
                self._stoppable = False

    def _check_made(self, done: bool) -> None:
        if self._cancelled:
            self._library.c.sd_cancel_generation(self._context, CANCEL_RESET)
            raise JobCancelled
        if not done:
            raise JobFailed(self._listener.why("The engine made no image and did not say why"))

    def _write(self, command: Generate, made: list[Any], seconds: float) -> Generated:
        started = time.monotonic()
        # Layered models give several pictures per image of the batch.
        seeds = [command.params.seed + i * command.params.batch_count // len(made) for i in range(len(made))]
        pictures = [images.copied(struct) for struct in made]
        files = [
            self._write_one(command, index, seed, picture)
            for index, (seed, picture) in enumerate(zip(seeds, pictures, strict=True))
        ]
        return Generated(
            id=command.id, images=files, seconds=seconds, write_seconds=time.monotonic() - started
        )

    def _write_one(self, command: Generate, index: int, seed: int, picture: Image.Image | None) -> MadeImage:
        if picture is None:
            raise JobFailed(self._listener.why(f"The engine made no picture of image {index}"))
        name = f"image_{index}.png"
        text = images.parameters_text(command, seed, picture.size)
        if command.enlargement is not None:
            picture = self.upscaler.enlarged(picture.convert("RGB"), command.enlargement)
        images.write_job_png(picture, Path(command.folder), name, text)
        return MadeImage(file=name, seed=seed, width=picture.width, height=picture.height)

    @contextmanager
    def _previews(self, command: Generate) -> Iterator[None]:
        settings = command.preview
        if not settings.enabled or settings.mode == "none":
            yield
            return
        tap = PreviewTap(command, self._has_taesd, self._report)
        callback = preview_cb_t(tap.on_preview)
        self._library.c.sd_set_preview_callback(
            callback, tap.mode_index, settings.interval, True, False, None
        )
        try:
            yield
        finally:
            self._library.c.sd_set_preview_callback(NO_PREVIEW, 0, 1, False, False, None)

    def _on_log(self, level: int, text: bytes | None, _data: int | None) -> None:
        self._listener.on_log(level, (text or b"").decode(errors="replace"))
        self._insist()

    def _on_progress(self, step: int, total: int, _seconds: float, _data: int | None) -> None:
        self._listener.on_progress(step, total)
        self._insist()

    def _insist(self) -> None:
        # Asked again at every callback: generate_image begins by forgetting a cancel that came just before
        # it (measured on 487de75).
        if self._cancelled and self._stoppable:
            self._library.c.sd_cancel_generation(self._context, CANCEL_ALL)
