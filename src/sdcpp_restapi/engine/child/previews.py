"""Previews of the unfinished image: from the engine's callback to a report."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ...schemas.engine import Generation, PreviewFrame, Report
from ..binding import image_buffers
from ..binding.library import Library
from ..binding.names import PREVIEW_MODES
from ..binding.structs import preview_cb_t

# Seconds from one preview to the next: what comes earlier is dropped before it costs an encoding.
REPORT_INTERVAL = 0.2
NO_CALLBACK = preview_cb_t()  # NULL


@contextmanager
def report_previews(
    library: Library, command: Generation, has_taesd: bool, report: Callable[[Report], None]
) -> Iterator[None]:
    """For the time of the engine's call: previews are reported, as far as the settings ask for them."""
    settings = command.preview
    if not settings.enabled or settings.mode == "none":
        yield
        return
    handler = PreviewCallback(command=command, has_taesd=has_taesd, report=report)
    callback = preview_cb_t(handler.on_preview)
    library.c.sd_set_preview_callback(callback, handler.mode_index, settings.interval, True, False, None)
    try:
        yield
    finally:
        library.c.sd_set_preview_callback(NO_CALLBACK, 0, 1, False, False, None)


class PreviewCallback:
    """The preview callback of one job."""

    def __init__(self, *, command: Generation, has_taesd: bool, report: Callable[[Report], None]) -> None:
        self._id = command.id
        self._settings = command.preview
        self._report = report
        self._next_report_at = 0.0
        wanted = command.preview.mode
        self.mode = "proj" if wanted == "tae" and not has_taesd else wanted

    @property
    def mode_index(self) -> int:
        """The sd_preview_t of `mode`."""
        return PREVIEW_MODES.index(self.mode)

    def on_preview(self, step: int, count: int, frames: Any, is_noisy: bool, _data: int | None) -> None:
        """`frames` is a pointer to `count` images that live in the engine's memory: only for this call."""
        now = time.monotonic()
        # The engine takes an interval and calls at every step all the same.
        if now < self._next_report_at or count < 1 or step % self._settings.interval:
            return
        # Of a video, the middle: its first frame may be a given image.
        image = image_buffers.copy_image(frames[count // 2])
        if image is None:
            return
        self._next_report_at = now + REPORT_INTERVAL
        jpeg = image_buffers.encode_preview(image, self._settings.max_size, self._settings.quality)
        self._report(
            PreviewFrame(
                id=self._id,
                step=step,
                frame_count=count,
                width=jpeg.width,
                height=jpeg.height,
                is_noisy=is_noisy,
                mode=self.mode,
                jpeg=jpeg.base64,
            )
        )
