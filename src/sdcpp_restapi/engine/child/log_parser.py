"""What the library's callbacks mean.

They are global to the process and take no context, and the progress callback fires for sampling steps,
weights and VAE tiles alike. What it counts is known from the log lines between which it fires; every rule
below was read off the log of 487de75.
"""

import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ...schemas.engine import LoadStep, Report, Step
from ...schemas.pipe import Log
from ..binding.names import LOG_LEVELS
from .progress import StepCounter

# Load steps more frequent than this serve nobody.
LOAD_STEP_EVERY = 0.05

_SOURCE = re.compile(r"^[\w.+-]+\.(?:c|h|cc|cpp|hpp|cu|m)\s*:\d+\s+-\s+")
_NEXT_IMAGE = re.compile(r"generating image: (\d+)/(\d+) - seed")
_VERSION = re.compile(r"Version: (.+)")
_WEIGHTS_BEGIN = re.compile(r"loading \d+/\d+ tensors from (.+)")
_WEIGHTS_END = "loading tensors completed"
_FILMING = re.compile(r"generate_video \d+x\d+x\d+")
_HIGH_NOISE_END = "sampling(high noise) completed"
_SECOND_PASS = re.compile(r"hires fix: upscaling to")
_SECOND_PASS_NEXT = re.compile(r"hires sampling (\d+)/\d+ completed")
_SECOND_PASS_END = "hires fix completed"
_TILES = re.compile(r"processing \d+ tiles")
_SAMPLING_END = re.compile(r"sampling completed|sampling for image \d+/\d+ failed")


class LogParser:
    """Turns log lines and progress calls into reports. One command at a time is listened to."""

    def __init__(self, report: Callable[[Report], None], debug: bool = False) -> None:
        self._report = report
        self._lowest = 0 if debug else 1
        self._complaints: deque[str] = deque(maxlen=8)
        self._id = 0
        self._loading = False
        self._generating = False
        self._counting = False
        self._sampling = False
        self._reading_weights = False
        self._tiling = False
        self._second_pass = False
        self._last_told = 0.0
        self._steps: StepCounter | None = None
        self.image = 0
        self.step = 0
        self._steps_before = 0
        self._all_steps: int | None = None
        self.architecture = ""
        self.read: set[str] = set()

    @contextmanager
    def loading(self, command_id: int) -> Iterator[None]:
        """For the time of new_sd_ctx: progress counts tensors; `read` is the files that any came from."""
        self._begin(command_id)
        self.architecture = ""
        self.read = set()
        self._loading = True
        try:
            yield
        finally:
            self._loading = False

    @contextmanager
    def generating(self, command_id: int, steps: StepCounter | None = None) -> Iterator[None]:
        """For the time of generate_image: progress counts steps, tensors or tiles."""
        self._begin(command_id)
        self._steps = steps
        self._generating = True
        try:
            yield
        finally:
            self._generating = self._sampling = False

    @contextmanager
    def filming(self, command_id: int, steps: int) -> Iterator[None]:
        """For the time of generate_video: the models of a pair count their steps apart, here they are one
        count of `steps`."""
        with self.generating(command_id):
            self._all_steps = steps
            yield

    @contextmanager
    def counting(self, command_id: int) -> Iterator[None]:
        """For the time of a conversion: progress counts tensors, and nothing else is told apart."""
        self._begin(command_id)
        self._counting = True
        try:
            yield
        finally:
            self._counting = False

    @contextmanager
    def working(self, command_id: int) -> Iterator[None]:
        """For calls whose progress nobody needs: only complaints are kept."""
        self._begin(command_id)
        yield

    def why(self, otherwise: str) -> str:
        """The engine's own words since the command began: warnings too, they often name the file."""
        return "; ".join(dict.fromkeys(self._complaints)) or otherwise

    def on_log(self, level: int, text: str) -> None:
        """One log line; it may end in a newline and may contain some."""
        line = text.strip()
        if not line:
            return
        message = _SOURCE.sub("", line)
        if level >= LOG_LEVELS.index("warning"):
            self._complaints.append(" ".join(message.split()))
        self._follow(message)
        if level >= self._lowest:
            self._report(Log(level=LOG_LEVELS[min(level, 3)], text=line))

    def on_progress(self, step: int, total: int) -> None:
        """One progress call."""
        if self._loading:
            if self._time_to_tell(step, total):
                self._report(LoadStep(id=self._id, step=step, total_steps=total))
        elif self._counting:
            if self._time_to_tell(step, total):
                self._report(Step(id=self._id, step=step, total_steps=total, image=0, images=1))
        elif self._tiling and not self._reading_weights:
            self._tiling = step < total
        elif self._sampling and not self._reading_weights and step > self.step:
            # Samplers of second order repeat step 0; step numbers never fall within an image.
            self.step = step
            self._report(self._sampled(step, total))

    def _sampled(self, step: int, total: int) -> Step:
        if self._steps is None:
            done, everything = self._steps_before + step, self._all_steps or total
            return Step(id=self._id, step=done, total_steps=everything, image=0, images=1)
        count = self._steps.resampled if self._second_pass else self._steps.sampled
        return count(self.image, step, total)

    def _begin(self, command_id: int) -> None:
        self._id = command_id
        self._complaints.clear()
        self._sampling = self._reading_weights = self._tiling = self._second_pass = False
        self._last_told = 0.0
        self.image = self.step = self._steps_before = 0
        self._all_steps = None
        self._steps = None

    def _follow(self, message: str) -> None:
        if self._loading:
            if version := _VERSION.match(message):
                self.architecture = version[1].strip()
            elif read := _WEIGHTS_BEGIN.match(message):
                self.read.add(read[1])
        elif self._generating:
            self._follow_generation(message)

    def _follow_generation(self, message: str) -> None:
        if image := _NEXT_IMAGE.match(message):
            self._sampling, self.step = True, 0
            self.image = int(image[1]) - 1
        elif _FILMING.match(message):
            self._sampling = True
        elif message.startswith(_HIGH_NOISE_END):
            self._steps_before, self.step = self.step, 0
        elif _SAMPLING_END.match(message):
            self._sampling = False
        elif _SECOND_PASS.match(message):
            self._sampling = self._second_pass = True
            self.image = self.step = 0
        elif done := _SECOND_PASS_NEXT.match(message):
            self.image, self.step = int(done[1]), 0
        elif message.startswith(_SECOND_PASS_END):
            self._sampling = False
        elif _TILES.match(message):
            self._tiling = True
        elif _WEIGHTS_BEGIN.match(message):
            self._reading_weights = True
        elif message.startswith(_WEIGHTS_END):
            self._reading_weights = False

    def _time_to_tell(self, step: int, total: int) -> bool:
        now = time.monotonic()
        due = step > self.step and (step == total or now - self._last_told >= LOAD_STEP_EVERY)
        if due:
            self.step, self._last_told = step, now
        return due
