"""Draws again what detectors find in a finished image (ADetailer)."""

import ctypes
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from PIL import Image

from ...errors import JobFailed
from ...schemas.adetail import Adetail
from ...schemas.engine import Generate
from ..binding import image_buffers
from ..binding.adetail_params import build_detail_params, build_repair_params
from ..binding.library import Library
from ..binding.structs import sd_image_t
from .log_parser import LogParser

type Watch = Callable[[AbstractContextManager[None]], AbstractContextManager[None]]


class Detailer:
    """Repairs the images of one job with the loaded model. All methods are called in the engine's thread."""

    def __init__(
        self,
        *,
        library: Library,
        log_parser: LogParser,
        context: int,
        device: str | None,
        flow_shift: float,
        watch: Watch,
    ) -> None:
        """`watch` is held during each call of the engine: a cancel reaches it then."""
        self._library = library
        self._log_parser = log_parser
        self._context = context
        self._device = device.encode() if device else None
        self._flow_shift = flow_shift
        self._watch = watch

    def repair(self, command: Generate, image: Image.Image, seed: int) -> tuple[Image.Image, list[str]]:
        """The image after all entries of `adetail`, and what to tell of it. Raises JobFailed.

        A repair that was cancelled fails too; who asked for it knows.
        """
        told = []
        for number, entry in enumerate(command.params.adetail):
            repaired = self._apply(command, entry, image.convert("RGB"), seed)
            if repaired.tobytes() == image.convert("RGB").tobytes():
                told.append(f"adetail.{number}: the detector found nothing to repair")
                continue
            if image.mode == "RGBA":  # the engine knows no transparency here
                repaired.putalpha(image.getchannel("A"))
            image = repaired
        return image, told

    def _apply(self, command: Generate, entry: Adetail, image: Image.Image, seed: int) -> Image.Image:
        call = build_repair_params(
            self._library, command, entry, seed, self._log_parser.architecture, self._flow_shift
        )
        c = self._library.c
        threads = command.options.n_threads
        with self._watch(self._log_parser.follow_silently(command.id)):
            detector = c.new_adetailer_ctx(
                os.fsencode(entry.model),
                threads if threads > 0 else c.sd_get_num_physical_cores(),
                self._device,
                None,
            )
            if not detector:
                raise JobFailed(f"adetail: {self._log_parser.explain('the engine refused the detector')}")
            try:
                return self._call_detailer(detector, entry, call.struct, image)
            finally:
                c.free_adetailer_ctx(detector)

    def _call_detailer(
        self, detector: int, entry: Adetail, repair: ctypes.Structure, image: Image.Image
    ) -> Image.Image:
        given, params = image_buffers.to_struct(image), build_detail_params(entry)
        made, count = ctypes.POINTER(sd_image_t)(), ctypes.c_int()
        arguments: list[Any] = [ctypes.byref(one) for one in (params, repair, made, count)]
        try:
            done = self._library.c.adetail_image(detector, self._context, given.struct, *arguments)
            copy = image_buffers.copy_image(made[0]) if done and count.value else None
        finally:
            if made:
                self._library.c.free_sd_images(made, count.value)
        if copy is None:
            raise JobFailed(f"adetail: {self._log_parser.explain('the engine repaired nothing')}")
        return copy.convert("RGB")
