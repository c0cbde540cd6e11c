"""Runs the jobs of the engine lane on a slot: results appear all at once, or not at all."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path
from typing import Protocol

from ..errors import CannotLoad, EngineLost, JobCancelled, JobFailed, SdcppError
from ..models.allowed_paths import AllowedPaths
from ..models.lora_files import LoraFiles
from ..outputs.job_folder import sweep_attempts
from ..schemas.conversion import ConvertRequest
from ..schemas.engine import LoraFile, Partial, PreviewFrame, Report, Step
from ..schemas.events import JobPreview
from ..schemas.generation import GenerationRequest, ImageRequest
from ..schemas.jobs import Job, Outcome, Progress
from ..schemas.options import PreviewSettings
from ..schemas.pipe import Refused
from ..schemas.upscaling import UpscaleRequest, UpscalerRequest
from ..schemas.video import Txt2VidRequest
from .dispatch import required_loads
from .engine_slot import EngineSlot, WorkCommand
from .tasks.conversion import ConvertTask
from .tasks.generation import GenerateTask, InputFiles, VideoTask
from .tasks.upscale import UpscaleTask

UpscalerUnloaded = Callable[[UpscalerRequest], Awaitable[None]]


class Task(Protocol):
    """One attempt of a job."""

    @property
    def loras(self) -> list[LoraFile]: ...
    async def prepare(self) -> None: ...
    def command(self) -> Callable[[int], WorkCommand]: ...
    async def publish(self, made: Report, told: list[str]) -> Outcome: ...
    async def clean(self) -> None: ...
    async def discard(self) -> None: ...


class EngineExecutor:
    """The executor of the engine lane."""

    def __init__(
        self,
        slot: EngineSlot,
        *,
        output_dir: Path,
        lora_files: LoraFiles,
        input_files: InputFiles,
        preview: Callable[[], PreviewSettings],
        paths: AllowedPaths,
        upscaler_unloaded: UpscalerUnloaded,
    ) -> None:
        """`upscaler_unloaded` is called with an upscaler that a job unloaded after use."""
        self._slot = slot
        self._output_dir = output_dir
        self._lora_files = lora_files
        self._input_files = input_files
        self._preview = preview
        self._paths = paths
        self._upscaler_unloaded = upscaler_unloaded
        self._current: str | None = None
        self._cancelled = False

    def acquire(self) -> AbstractAsyncContextManager[None]:
        """The slot's turn for jobs."""
        return self._slot.acquire()

    async def discard(self, job: Job) -> None:
        """Delete the outputs of a job that was cancelled while they appeared."""
        await self._task(job).discard()

    async def cancel(self, job_id: str) -> None:
        """Stop the job if it is the one in the engine."""
        if job_id == self._current:
            self._cancelled = True
            await self._slot.cancel()

    async def run(self, job: Job) -> AsyncGenerator[Progress | JobPreview | Outcome]:
        """Load what the job was stamped with where something else is in memory, run it, publish its files."""
        self._current, self._cancelled = job.id, False
        self._slot.job_id = job.id
        task = self._task(job)
        made: Report | None = None
        kept: Report | None = None
        try:
            await task.prepare()
            await self._load(job, task.loras)
            try:
                async with aclosing(self._slot.run(task.command())) as reports:
                    async for made in reports:
                        if isinstance(made, Partial):
                            kept = made.made
                        elif event := _event_of(job, made):
                            yield event
            except (JobCancelled, EngineLost):
                # An engine that did not stop in time was ended: what it had finished is whole all the same.
                if not self._cancelled or kept is None:
                    raise
                made = kept
            assert made is not None
            outcome = await task.publish(made, self._warn_of_unused(job))
            await self._unload_upscaler(job)
            yield outcome
        except OSError as error:
            raise JobFailed(f"The files of the job could not be written: {error}") from error
        finally:
            self._current = self._slot.job_id = None
            await task.clean()

    def _task(self, job: Job) -> Task:
        if isinstance(job.params, ConvertRequest):
            return ConvertTask(job, self._paths)
        if isinstance(job.params, UpscaleRequest):
            return UpscaleTask(job, output_dir=self._output_dir, input_files=self._input_files)
        kind = VideoTask if isinstance(job.params, Txt2VidRequest) else GenerateTask
        return kind(
            job,
            output_dir=self._output_dir,
            lora_files=self._lora_files,
            input_files=self._input_files,
            preview=self._preview,
        )

    async def _load(self, job: Job, loras: list[LoraFile]) -> None:
        """Load what the job needs and memory does not hold. Raises CannotLoad, EngineLost, JobCancelled."""
        loads = required_loads(job, loras, self._slot.held)
        try:
            if loads.model is not None:
                await self._slot.load(loads.model)
            if loads.upscaler is not None:
                await self._slot.upscaler.load(loads.upscaler)
        except SdcppError as error:
            if isinstance(error.__cause__, EngineLost):
                raise error.__cause__ from error
            raise CannotLoad(str(error)) from error
        if self._cancelled:
            raise JobCancelled

    def _warn_of_unused(self, job: Job) -> list[str]:
        """Components without a use to the model that the job names itself: no answer to a load told them."""
        if not isinstance(job.params, GenerationRequest) or job.params.model is None:
            return []
        return [f"model.{warning}" for warning in self._slot.unused_components]

    async def _unload_upscaler(self, job: Job) -> None:
        """After a generation that upscaled: free the upscaler's memory, unless it is to stay."""
        if not isinstance(job.params, ImageRequest) or job.upscaler is None:
            return
        if job.params.upscale_auto_unload:
            await self._slot.upscaler.unload()
            await self._upscaler_unloaded(job.upscaler)


async def sweep_broken_attempts(
    output_dir: Path, without_outputs: Iterable[str], ended: Iterable[Job], paths: AllowedPaths
) -> None:
    """Delete what attempts left behind that a kill broke off; call once, before the first job.

    `without_outputs` are ids of jobs that were tried and have no outputs. `ended` are conversions that failed
    or were cancelled: their files lie beside models, in any folder.
    """
    await asyncio.to_thread(sweep_attempts, output_dir, without_outputs)
    for job in ended:
        await ConvertTask(job, paths).clean()


def _event_of(job: Job, report: Report) -> Progress | JobPreview | None:
    match report:
        case Step():
            return Progress.at(report.step, report.total_steps, report.image, report.images)
        case PreviewFrame():
            return _preview_of(job, report)
        case Refused():
            raise JobCancelled if report.error.code == JobCancelled.code else JobFailed(report.error.message)
    return None


def _preview_of(job: Job, report: PreviewFrame) -> JobPreview:
    shown = report.model_dump(exclude={"kind", "id", "jpeg"})
    return JobPreview(job_id=job.id, image=f"data:image/jpeg;base64,{report.jpeg}", **shown)
