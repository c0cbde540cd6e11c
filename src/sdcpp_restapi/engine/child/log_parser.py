"""What the library's callbacks mean: log lines and progress calls become reports.

The callbacks are global to the process and take no context: `follow_*` says which command runs.
"""

import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ...schemas.engine import LoadStep, Report, Step
from ...schemas.pipe import Log
from ..binding.log_patterns import SOURCE, Line, match_line
from ..binding.names import LOG_LEVELS
from .lora_log import LoraLog
from .phases import Phase, PhaseTracker
from .step_counter import StepCounter
from .token_chunks import TokenChunks

# Seconds between two reports about tensors, of which thousands are read in a second.
TENSOR_REPORT_INTERVAL = 0.05
# Characters of one line of the engine's that an error repeats.
LONGEST_COMPLAINT = 1000


class LogParser:
    """Turns log lines and progress calls into reports. One command at a time is followed."""

    def __init__(
        self,
        report: Callable[[Report], None],
        debug: bool = False,
        abandon: Callable[[int, str], None] = lambda _id, _reason: None,
    ) -> None:
        """`abandon` is called with a command and a sentence where the engine is about to fail in it."""
        self._report = report
        self._abandon = abandon
        self._tokens = TokenChunks()
        self._lowest_level = LOG_LEVELS.index("debug" if debug else "info")
        self._complaints: deque[str] = deque(maxlen=8)
        self._id = 0
        self._tracker = PhaseTracker()
        self._last_reported_at = 0.0
        self._steps: StepCounter | None = None
        self._image = 0
        self._step = 0
        self._steps_before = 0
        self._all_steps: int | None = None
        self.architecture = ""
        self.guided = False
        self.files_read: set[str] = set()
        self.loras = LoraLog()

    @contextmanager
    def follow_load(self, command_id: int) -> Iterator[None]:
        """For the time of new_sd_ctx: progress counts tensors.

        `architecture`, `guided` (it takes distilled guidance) and `files_read` (paths of which any tensor
        came) are those of this load from here on.
        """
        self.architecture, self.guided = "", False
        self.files_read = set()
        self.loras.forget()
        with self._follow(command_id, Phase.LOADING):
            yield

    @contextmanager
    def follow_images(self, command_id: int, steps: StepCounter) -> Iterator[None]:
        """For the time of generate_image."""
        with self._follow(command_id, Phase.PREPARING):
            self._steps = steps
            yield

    @contextmanager
    def follow_video(self, command_id: int, steps: int) -> Iterator[None]:
        """For the time of generate_video: the models of a pair count their steps apart, here they are one
        count of `steps`."""
        with self._follow(command_id, Phase.PREPARING):
            self._all_steps = steps
            yield

    @contextmanager
    def follow_conversion(self, command_id: int) -> Iterator[None]:
        """For the time of convert: progress counts tensors, which are reported as steps."""
        with self._follow(command_id, Phase.CONVERTING):
            yield

    @contextmanager
    def follow_silently(self, command_id: int) -> Iterator[None]:
        """For calls whose progress is not reported: only complaints are kept."""
        with self._follow(command_id, Phase.IDLE):
            yield

    def explain(self, otherwise: str) -> str:
        """The engine's own words since the command began: warnings too, they often name the file."""
        return "; ".join(dict.fromkeys(self._complaints)) or otherwise

    @property
    def is_sampling(self) -> bool:
        """Whether progress calls count steps of an image or video."""
        return self._tracker.phase in (Phase.SAMPLING, Phase.RESAMPLING)

    def on_log(self, level: int, text: str) -> None:
        """One log line; it may end in a newline and may contain some."""
        line = text.strip()
        if not line:
            return
        message = SOURCE.sub("", line)
        if level >= LOG_LEVELS.index("warning"):
            self._complaints.append(_keep_printable(message))
        if matched := match_line(message):
            self._note_loaded(*matched)
            self._note_generated(*matched)
            self.loras.note(*matched, self._complaints[-2] if len(self._complaints) > 1 else "")
        if self.architecture == "SD3.x" and self._tracker.generating:
            problem = self._tokens.note(line, message)
            if problem:
                self._abandon(self._id, problem)
        if level >= self._lowest_level:
            self._report(Log(level=LOG_LEVELS[min(level, 3)], text=line))

    def on_progress(self, step: int, total: int) -> None:
        """One progress call: `step` of `total` of what the phase counts."""
        match self._tracker.phase:
            case Phase.LOADING:
                if self._is_due(step, total):
                    self._report(LoadStep(id=self._id, step=step, total_steps=total))
            case Phase.CONVERTING:
                if self._is_due(step, total):
                    self._report(Step(id=self._id, step=step, total_steps=total, image=0, images=1))
            case Phase.TILING:
                if step >= total:
                    self._tracker.end_interruption(Phase.TILING)
            case Phase.SAMPLING | Phase.RESAMPLING:
                # Samplers of second order repeat step 0; step numbers never fall within an image.
                if step > self._step:
                    self._step = step
                    self._report(self._count_step(step, total))

    def _count_step(self, step: int, total: int) -> Step:
        if self._steps is None:
            done, everything = self._steps_before + step, self._all_steps or total
            return Step(id=self._id, step=done, total_steps=everything, image=0, images=1)
        resampling = self._tracker.phase == Phase.RESAMPLING
        count = self._steps.count_resampled if resampling else self._steps.count_sampled
        return count(self._image, step, total)

    @contextmanager
    def _follow(self, command_id: int, first: Phase) -> Iterator[None]:
        self._id = command_id
        self._complaints.clear()
        self.loras.begin_call()
        self._tracker = PhaseTracker(first)
        self._last_reported_at = 0.0
        self._image = self._step = self._steps_before = 0
        self._all_steps = None
        self._steps = None
        try:
            yield
        finally:
            self._tracker = PhaseTracker()

    def _note_loaded(self, line: Line, match: re.Match[str]) -> None:
        if self._tracker.phase == Phase.LOADING:
            if line == Line.VERSION:
                self.architecture = match[1].strip()
            elif line == Line.GUIDED:
                self.guided = True
            elif line == Line.CHROMA and self.architecture == "Flux":
                self.architecture = "Chroma"
            elif line == Line.WEIGHTS_BEGIN:
                self.files_read.add(match[1])

    def _note_generated(self, line: Line, match: re.Match[str]) -> None:
        if not self._tracker.generating:
            return
        self._tracker.follow(line)
        match line:
            case Line.IMAGE_BEGINS:
                self._image, self._step = int(match[1]) - 1, 0
            case Line.HIGH_NOISE_ENDS:
                self._steps_before, self._step = self._step, 0
            case Line.SECOND_PASS_BEGINS:
                self._image = self._step = 0
            case Line.SECOND_PASS_IMAGE_ENDS:
                self._image, self._step = int(match[1]), 0

    def _is_due(self, step: int, total: int) -> bool:
        """Whether a tensor is to be reported; it counts as reported then."""
        now = time.monotonic()
        waited = now - self._last_reported_at >= TENSOR_REPORT_INTERVAL
        due = step > self._step and (step == total or waited)
        if due:
            self._step, self._last_reported_at = step, now
        return due


def _keep_printable(message: str) -> str:
    """A message on one line, without the bytes of a damaged file that the engine took for a name."""
    signs = (sign for sign in " ".join(message.split()) if sign.isprintable() and sign != "\ufffd")
    return "".join(signs)[:LONGEST_COMPLAINT]
