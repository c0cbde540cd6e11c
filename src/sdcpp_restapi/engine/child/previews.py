"""Previews of the unfinished image: computed while wanted, from the engine's callback to a report."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ...schemas.engine import Generation, PreviewFrame, Report, WantPreviews
from ..binding import image_buffers
from ..binding.library import Library
from ..binding.names import PREVIEW_MODES
from ..binding.structs import preview_cb_t
from .preview_schedule import PreviewSchedule

NO_CALLBACK = preview_cb_t()  # NULL
NOT_BEGUN = -1


class LastNotice:
    """What the server said last: whether anybody looks at previews. It changes from another thread."""

    wanted = False

    def keep(self, notice: WantPreviews) -> None:
        """What it says now."""
        self.wanted = notice.wanted


class Previews:
    """The previews of a session's jobs, one job at a time.

    The engine reads its callback and the mode when sampling begins, and before each preview whether those of
    denoised latents are wanted: this switch is what chooses the steps. Its own interval it ignores (seen in
    487de75).
    """

    def __init__(
        self, *, library: Library, last_notice: LastNotice, report: Callable[[Report], None]
    ) -> None:
        self._library = library
        self._last_notice = last_notice
        self._report = report
        self._schedule = PreviewSchedule()
        self._callback = preview_cb_t(self._on_preview)
        self._command: Generation | None = None
        self._step = NOT_BEGUN
        self._is_on = False
        self.count = 0

    @contextmanager
    def follow(self, command: Generation, steps: int, has_taesd: bool) -> Iterator[None]:
        """For the time of a job of so many steps; `count` is the number of its previews so far."""
        settings = command.preview
        self.count, self._step = 0, NOT_BEGUN
        if not settings.enabled or settings.mode == "none":
            yield
            return
        mode = "proj" if settings.mode == "tae" and not has_taesd else settings.mode
        self._schedule.begin_job(settings, mode, steps)
        self._command = command
        self._switch(False)
        try:
            yield
        finally:
            self._command = None
            self._library.c.sd_set_preview_callback(NO_CALLBACK, 0, 1, False, False, None)

    def on_step(self, step: int) -> None:
        """So many steps of an image are sampled; 0 when its first one begins."""
        if self._command is None:
            return
        now = time.monotonic()
        if step == 0 and self._step != 0:
            self._schedule.begin_image(now)
        elif step > self._step:
            self._schedule.end_step(step, now)
        else:
            return  # samplers of second order say twice that the first step begins
        self._step = step
        due = self._last_notice.wanted and self._schedule.is_due(now)
        if due != self._is_on:
            self._switch(due)

    def _switch(self, on: bool) -> None:
        """Have the engine compute previews, or not, from here on."""
        self._is_on = on
        mode = PREVIEW_MODES.index(self._schedule.mode)
        self._library.c.sd_set_preview_callback(self._callback, mode, 1, on, False, None)

    def _on_preview(self, step: int, count: int, frames: Any, is_noisy: bool, _data: int | None) -> None:
        """`frames` is a pointer to `count` images that live in the engine's memory: only for this call."""
        command = self._command
        if command is None or not self._is_on:
            return
        self._switch(False)  # samplers of second order make two of one step, and count the first backwards
        self.count += 1
        self._schedule.note_computed()
        now = time.monotonic()
        if count < 1 or self._schedule.comes_too_early(now):
            return
        # Of a video, the middle: its first frame may be a given image.
        image = image_buffers.copy_image(frames[count // 2])
        if image is None:
            return
        jpeg = image_buffers.encode_preview(image, command.preview.max_size, command.preview.quality)
        self._report(
            PreviewFrame(
                id=command.id,
                step=abs(step),
                frame_count=count,
                width=jpeg.width,
                height=jpeg.height,
                is_noisy=is_noisy,
                mode=self._schedule.mode,
                interval=self._schedule.show(abs(step), now),
                jpeg=jpeg.base64,
            )
        )
