"""The session of one child with the C library: one model and one upscaler at most, one command at a time.

All methods but `cancel` belong to the engine's thread, in which the library calls back (its log callback
may come from threads of its own).
"""

import ctypes
import json
import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from PIL import Image

from ...errors import JobCancelled, JobFailed, LoadFailed
from ...schemas.engine import (
    Convert,
    Converted,
    Generate,
    Generated,
    GenerateVideo,
    Generation,
    Load,
    Loaded,
    Report,
    Resumed,
    VideoGenerated,
)
from ...schemas.generation import Img2ImgRequest
from ...schemas.model_types import Component
from ...schemas.pipe import Log, Refused
from ..binding.flow_shift import find_flow_shift
from ..binding.functions import CANCEL_ALL, CANCEL_RESET
from ..binding.image_params import build_image_params
from ..binding.library import Library
from ..binding.load_params import build_context_params
from ..binding.names import LOG_LEVELS
from ..binding.revision import INFINITY
from ..binding.struct_data import read_struct
from ..binding.structs import (
    log_cb_t,
    progress_cb_t,
    sd_audio_t,
    sd_image_t,
)
from ..binding.tensors import Tensors
from ..binding.video_params import build_video_params
from . import conversion
from .detailer import Detailer
from .graphs.graph_watch import GraphWatch, JournalMisfit
from .graphs.job_journal import open_journal, open_parent
from .image_results import ImageResults, split_command
from .log_parser import LogParser
from .previews import LastNotice, Previews
from .step_counter import StepCounter
from .upscaler import Upscaler


class Session:
    """Owns the context of the main model, and the upscaler with its own."""

    def __init__(
        self, *, library: Library, report: Callable[[Report], None], last_notice: LastNotice, debug: bool
    ) -> None:
        self._library = library
        self._report = report
        self._debug = debug
        self._log_parser = LogParser(report, debug, self._abandon)
        self._previews = Previews(library=library, last_notice=last_notice, report=report)
        self._graphs = GraphWatch(Tensors(library), lambda: self._cancelled, self._complain)
        self._context: int | None = None
        self._load: Load | None = None
        self._components: Collection[str] = ()
        self._flow_shift = INFINITY
        self._device: str | None = None
        self._cancelled = False
        self._cancellable = False
        self.upscaler = Upscaler(
            library=library,
            log_parser=self._log_parser,
            report=report,
            is_cancelled=lambda: self._cancelled,
        )
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
        call = build_context_params(self._library, command.files, command.options, command.backend)
        started = time.monotonic()
        with self._log_parser.follow_load(command.id):
            self._context = self._library.c.new_sd_ctx(ctypes.byref(call.struct)) or None
        if self._context is None:
            raise LoadFailed(self._log_parser.explain("The engine refused the model and did not say why"))
        self._load = command
        self._components = command.files.components.keys()
        self._device = command.backend
        self._flow_shift = find_flow_shift(
            command.options.prediction, self._log_parser.architecture, self._log_parser.guided
        )
        return Loaded(
            id=command.id,
            engine_architecture=self._log_parser.architecture,
            makes_images=self._library.c.sd_ctx_supports_image_generation(self._context),
            makes_videos=self._library.c.sd_ctx_supports_video_generation(self._context),
            seconds=time.monotonic() - started,
            unused=self._find_unused(command),
        )

    def _find_unused(self, command: Load) -> list[Component]:
        # As the log writes them.
        files = {
            part: os.fsencode(path).decode(errors="replace")
            for part, path in command.files.components.items()
        }
        return [part for part, path in files.items() if path not in self._log_parser.files_read]

    def unload(self) -> None:
        """Free what is loaded, if anything is."""
        if self._context is not None:
            context, self._context = self._context, None
            self._library.c.free_sd_ctx(context)

    def begin(self) -> None:
        """Forget an earlier cancel: a new command begins."""
        self._cancelled = False

    def cancel(self) -> None:
        """Stop the running generation; from any thread."""
        self._cancelled = True
        self._repeat_cancel()

    def generate(self, command: Generate) -> Generated:
        """Make the images of a job and write them into its folder.

        Raises JobCancelled or JobFailed, in the engine's words.
        """
        return self._with_journal(command, self._generate)

    def _generate(self, command: Generate) -> Generated:
        how = command.enlargement
        tiles = self.upscaler.count_tiles(command.params.made_size, how) if how else 0
        steps = StepCounter(command, tiles)
        results = ImageResults(
            command=command,
            upscaler=self.upscaler,
            steps=steps,
            report=self._report,
            repair=self._repair,
        )
        with self._previews.follow(
            command, command.params.steps * command.params.batch_count, self._has_taesd
        ):
            for number, part in enumerate(split_command(command)):
                steps.begin_call(number, part.params.batch_count)
                self._generate_part(part, steps, results)
        return results.build_report().model_copy(update=self._describe_run(command))

    def _with_journal[C: Generation, R](self, command: C, make: Callable[[C], R]) -> R:
        """Carry a command out behind what an earlier attempt recorded; anew where that does not fit."""

        def tell(graphs: int) -> None:
            self._report(Resumed(id=command.id, graphs=graphs))

        with (
            open_parent(command, self._graphs.can_branch) as parent,
            open_journal(command, self._load, self._library, self._complain) as journal,
        ):
            try:
                with self._graphs.follow_job(journal, tell, parent):
                    return make(command)
            except JournalMisfit:
                self._complain("the journal of the job does not fit what is computed: it begins anew")
            if journal is not None:
                journal.restart()
            try:
                with self._graphs.follow_job(journal, tell, parent):
                    return make(command)
            except JournalMisfit as error:
                raise JobFailed(
                    "from_job: the results of its steps do not fit this model: their shapes differ, or its"
                    " journal is damaged"
                ) from error

    def _complain(self, text: str) -> None:
        self._report(Log(level="warning", text=text))

    @property
    def _has_taesd(self) -> bool:
        return "taesd" in self._components

    def _describe_run(self, command: Generation) -> dict[str, object]:
        """What the last report of a generation tells besides its files."""
        return {
            "loras": self._log_parser.loras.outcomes_of(command.loras),
            "previews": self._previews.count,
        }

    def _generate_part(self, command: Generate, steps: StepCounter, results: ImageResults) -> None:
        """Make and write the images of one call of the engine."""
        if self._cancelled:
            raise JobCancelled
        call = build_image_params(self._library, command, self._log_parser.architecture, self._flow_shift)
        results.add_control(call.struct.control_image)
        if isinstance(command.params, Img2ImgRequest) and command.params.adetail_only:
            results.add(command, [call.struct.init_image] * command.params.batch_count, 0.0)
            return
        following = self._log_parser.follow_images(command.id, steps)
        self._graphs.place.begin_call(steps.first, steps.count)
        with self._run_generation(following, "generate_image", call.struct) as (made, seconds):
            self._graphs.place.begin_call(0, 0)
            results.add(command, made, seconds)

    def _repair(self, command: Generate, image: Image.Image, seed: int) -> tuple[Image.Image, list[str]]:
        """What `adetail` makes of a finished image. Raises JobCancelled or JobFailed."""
        if not command.params.adetail:
            return image, []
        assert self._context is not None
        detailer = Detailer(
            library=self._library,
            log_parser=self._log_parser,
            context=self._context,
            device=self._device,
            flow_shift=self._flow_shift,
            watch=self._watch_call,
        )
        try:
            return detailer.repair(command, image, seed)
        except JobFailed:
            self._check_result(True)  # was it cancelled?
            raise

    def generate_video(self, command: GenerateVideo) -> VideoGenerated:
        """Make the video of a job and write it into its folder.

        Raises JobCancelled or JobFailed, in the engine's words.
        """
        return self._with_journal(command, self._generate_video)

    def _generate_video(self, command: GenerateVideo) -> VideoGenerated:
        from . import sound, video_file  # their library takes long to import, and image models do without

        # Asked for a video, an image model ends the process.
        if self._context and not self._library.c.sd_ctx_supports_video_generation(self._context):
            raise JobFailed("The loaded model makes images, not videos")
        paired = "high_noise_diffusion_model" in self._components
        call = build_video_params(self._library, command, self._flow_shift, paired=paired)
        steps = command.params.all_steps if paired else command.params.steps
        audio = ctypes.POINTER(sd_audio_t)()
        fps = [ctypes.c_int()] if self._library.revision.video_tells_fps else []
        following = self._log_parser.follow_video(command.id, steps)
        self._graphs.place.begin_call(0, 1)
        try:
            run = self._run_generation(following, "generate_video", call.struct, audio, *fps)
            with self._previews.follow(command, steps, self._has_taesd), run as (made, seconds):
                written = video_file.write_video(
                    command,
                    made,
                    seconds,
                    lambda: self._cancelled,
                    fps=fps[0].value if fps else None,
                    heard=sound.copy_sound(audio),
                )
                return written.model_copy(update=self._describe_run(command))
        finally:
            if audio:
                self._library.c.free_sd_audio(audio)

    def convert(self, command: Convert) -> Converted:
        """Write a model file in another type; what is loaded stays. Raises JobFailed or JobCancelled."""
        return conversion.convert(self._library, self._log_parser, command, lambda: self._cancelled)

    @contextmanager
    def _run_generation(
        self,
        following: AbstractContextManager[None],
        function: str,
        struct: ctypes.Structure,
        *more: Any,
    ) -> Iterator[tuple[list[sd_image_t], float]]:
        """Call a function of the library; the images that it made, and the seconds it took.

        The images stay in the library's memory until the block ends. `more` are pointers that the function
        sets besides.
        """
        if self._context is None:
            raise JobFailed("No model is loaded")
        if self._debug:
            filled = json.dumps(read_struct(struct))
            self._report(Log(level="debug", text=f"{type(struct).__name__} {filled}"))
        made, count = ctypes.POINTER(sd_image_t)(), ctypes.c_int()
        results = [ctypes.byref(result) for result in (made, count, *more)]
        started = time.monotonic()
        try:
            with self._watch_call(following):
                done = getattr(self._library.c, function)(self._context, ctypes.byref(struct), *results)
            seconds = time.monotonic() - started
            self._check_result(done and count.value > 0)
            yield [made[i] for i in range(count.value)], seconds
        finally:
            if made:
                self._library.c.free_sd_images(made, count.value)

    @contextmanager
    def _watch_call(self, following: AbstractContextManager[None]) -> Iterator[None]:
        """For the time of the engine's call: steps are reported, a cancel reaches it."""
        with following, self._graphs.follow_call():
            self._cancellable = True
            try:
                self._repeat_cancel()
                yield
            finally:
                self._cancellable = False

    def _abandon(self, command_id: int, reason: str) -> None:
        """End the job, and this process with it: the call can't be stopped, and must not go on."""
        self._report(Refused(id=command_id, error=JobFailed(reason).info))
        os._exit(0)

    def _check_result(self, done: bool) -> None:
        if self._cancelled:
            self._library.c.sd_cancel_generation(self._context, CANCEL_RESET)
            raise JobCancelled
        if not done:
            raise JobFailed(self._log_parser.explain("The engine made nothing and did not say why"))

    def _on_log(self, level: int, text: bytes | None, _data: int | None) -> None:
        levels = self._library.revision.log_levels
        name = levels[min(level, len(levels) - 1)]
        self._log_parser.on_log(LOG_LEVELS.index(name), (text or b"").decode(errors="replace"))
        self._repeat_cancel()

    def _on_progress(self, step: int, total: int, _seconds: float, _data: int | None) -> None:
        sampling = self._log_parser.is_sampling
        self._log_parser.on_progress(step, total)
        if sampling:
            self._graphs.place.end_step(step, total)
            self._previews.on_step(step)
        self._repeat_cancel()

    def _repeat_cancel(self) -> None:
        # At every callback: generate_image begins by forgetting a cancel that came just before it.
        if self._cancelled and self._cancellable:
            self._library.c.sd_cancel_generation(self._context, CANCEL_ALL)
