"""Runs the jobs of the engine lane on a slot: results appear all at once, or not at all."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path
from typing import Protocol

from ..engine.out_of_memory import OutOfMemory
from ..errors import CannotLoad, EngineLost, Interrupted, JobCancelled, JobFailed, SdcppError
from ..models.allowed_paths import AllowedPaths
from ..models.lora_files import LoraFiles
from ..models.required_files import required_files_of
from ..outputs.job_folder import sweep_attempts
from ..schemas.conversion import ConvertRequest
from ..schemas.engine import JournalOrder, LoraFile, Partial, PreviewFrame, Report, Resumed, Step
from ..schemas.events import JobPreview
from ..schemas.generation import GenerationRequest, ImageRequest
from ..schemas.jobs import Job, Outcome, Progress
from ..schemas.options import BoundedPreviewSettings
from ..schemas.pipe import Refused
from ..schemas.upscaling import UpscaleRequest, UpscalerRequest
from ..schemas.video import Txt2VidRequest
from .engine_slot import EngineSlot
from .journals import Journals
from .memory_ladder import MemoryRungs, Rung, descend, find_next_rung
from .resident import WorkCommand
from .tasks.conversion import ConvertTask
from .tasks.generation import GenerateTask, InputFiles, VideoTask
from .tasks.publishing import Run
from .tasks.upscale import UpscaleTask

UpscalerUnloaded = Callable[[UpscalerRequest], Awaitable[None]]


class Task(Protocol):
    """One attempt of a job."""

    @property
    def loras(self) -> list[LoraFile]: ...
    async def prepare(self) -> None: ...
    def command(self) -> Callable[[int], WorkCommand]: ...
    async def publish(self, made: Report, run: Run) -> Outcome: ...
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
        preview: Callable[[], BoundedPreviewSettings],
        paths: AllowedPaths,
        upscaler_unloaded: UpscalerUnloaded,
        journals: Journals,
        rungs: MemoryRungs,
    ) -> None:
        """`upscaler_unloaded` is called with an upscaler that a job unloaded after use."""
        self._slot = slot
        self._output_dir = output_dir
        self._lora_files = lora_files
        self._input_files = input_files
        self._preview = preview
        self._paths = paths
        self._upscaler_unloaded = upscaler_unloaded
        self._journals = journals
        self._rungs = rungs
        self._current: str | None = None
        self._cancelled = False
        self._interruption: Interrupted | None = None

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

    def can_interrupt(self, job_id: str) -> bool:
        """Whether it is the job in the engine."""
        return job_id == self._current

    async def interrupt(self, job_id: str, reason: Interrupted) -> None:
        """Stop the job if it is the one in the engine; it goes on from its journal later."""
        if job_id == self._current:
            self._interruption = reason
            await self._slot.cancel()

    async def run(self, job: Job) -> AsyncGenerator[Progress | JobPreview | Outcome]:
        """Load what the job was stamped with where something else is in memory, run it, publish its files."""
        self._current, self._cancelled, self._interruption = job.id, False, None
        async with self._journals.follow(job) as journal:
            with self._slot.work_on(job):
                rung = await self._choose_rung(job)
                run = descend(job, rung)
                out_of_memory = OutOfMemory()
                try:
                    async with aclosing(self._run(run, self._task(run, journal), rung)) as events:
                        async for event in events:
                            yield await self._keep_journal(job, event)
                except (JobFailed, EngineLost) as error:
                    if out_of_memory.explains(error):
                        await self._take_next_rung(job, rung, error)
                    raise

    async def _keep_journal[E: Progress | JobPreview | Outcome](self, job: Job, event: E) -> E:
        """With its outcome a job's journal is kept, if it asks for that; else the outcome tells why not."""
        if not isinstance(event, Outcome) or (told := await self._journals.keep(job)) is None:
            return event
        return event.model_copy(update={"warnings": (*event.warnings, told)})

    async def _choose_rung(self, job: Job) -> Rung:
        """Where such a job ended last time, or where it fits into what is free now."""
        rung = await self._rungs.find(job, self._slot.name)
        if rung is Rung.NONE and self._slot.must_tile(job):
            return Rung.TILED
        return rung

    async def _take_next_rung(self, job: Job, rung: Rung, error: SdcppError) -> None:
        """Raise Interrupted if the job can be tried again with less memory."""
        if self._cancelled:
            return
        while_loading = isinstance(error.__cause__, SdcppError) or isinstance(error, CannotLoad)
        following = find_next_rung(job, rung, on_cpu=self._slot.on_cpu, while_loading=while_loading)
        if await self._slot.free_idle():
            raise Interrupted(f"{error}; it is tried again without the other models in memory") from error
        if following is None:
            return
        await self._rungs.remember(job, self._slot.name, following)
        raise Interrupted(f"{error}; it is tried again: {following.told}") from error

    async def _run(self, job: Job, task: Task, rung: Rung) -> AsyncGenerator[Progress | JobPreview | Outcome]:
        heard = _Heard(job)
        try:
            await task.prepare()
            await self._load(job, task.loras)
            self._check_engine(job)
            try:
                async with aclosing(self._slot.run(task.command())) as reports:
                    async for report in reports:
                        if event := heard.take(report):
                            yield event
            except (JobCancelled, EngineLost):
                if self._interruption is not None:
                    raise self._interruption from None
                # An engine that did not stop in time was ended: what it had finished is whole all the same.
                if not self._cancelled or heard.kept is None:
                    raise
                heard.last = heard.kept
            yield await self._publish(job, task, heard, rung)
        except OSError as error:
            raise JobFailed(f"The files of the job could not be written: {error}") from error
        finally:
            self._current = None
            await task.clean()

    async def _publish(self, job: Job, task: Task, heard: "_Heard", rung: Rung) -> Outcome:
        assert heard.last is not None
        warnings = [*_warn_of_rung(rung), *self._warn_of_unused(job)]
        run = Run(self._slot.engine, warnings, heard.resumed_from)
        outcome = await task.publish(heard.last, run)
        await self._unload_upscaler(job)
        return outcome

    def _task(self, job: Job, journal: JournalOrder | None = None) -> Task:
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
            journal=journal,
        )

    async def _load(self, job: Job, loras: list[LoraFile]) -> None:
        """Load what the job needs and memory does not hold. Raises CannotLoad, EngineLost, JobCancelled."""
        loads = self._slot.prepare_for(job, loras)
        try:
            if loads.model is not None:
                await self._slot.load(loads.model)
                loads = self._slot.prepare_for(job, loras)  # perhaps in another child, without upscaler
            if loads.upscaler is not None:
                await self._slot.upscaler.load(loads.upscaler)
        except SdcppError as error:
            if isinstance(error.__cause__, EngineLost):
                raise error.__cause__ from error
            raise CannotLoad(str(error)) from error
        if self._interruption is not None:
            raise self._interruption
        if self._cancelled:
            raise JobCancelled

    def _check_engine(self, job: Job) -> None:
        """Raise JobFailed if the job allows only another revision: the engine was changed since then."""
        hello = self._slot.child.hello if self._slot.child else None
        wanted = required_files_of(job.params, job.model, job.upscaler)
        if hello is not None and not wanted.allow_engine(hello.commit, hello.revision):
            raise JobFailed(
                f"engine: the job wants revision {' or '.join(wanted.engines)}, and the engine here is now"
                f" {hello.commit}"
            )

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


class _Heard:
    """What the child has said of one attempt."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._step = 0
        self.last: Report | None = None
        self.kept: Report | None = None
        self.resumed_from: int | None = None

    def take(self, report: Report) -> Progress | JobPreview | None:
        """What it means to the queue. Raises JobFailed and JobCancelled."""
        if isinstance(report, Partial):
            self.kept = report.made
            return None
        self.last = report
        match report:
            case Step():
                progress = Progress.at(report.step, report.total_steps, report.image, report.images)
                self._step = progress.current_all_steps
                return progress
            case Resumed():
                self.resumed_from = self._step
            case PreviewFrame():
                return _preview_of(self._job, report)
            case Refused():
                cancelled = report.error.code == JobCancelled.code
                raise JobCancelled if cancelled else JobFailed(report.error.message)
        return None


def _warn_of_rung(rung: Rung) -> list[str]:
    return [f"memory: there is not enough for this model and size, so {rung.told}"] if rung else []


def _preview_of(job: Job, report: PreviewFrame) -> JobPreview:
    shown = report.model_dump(exclude={"kind", "id", "jpeg"})
    return JobPreview(job_id=job.id, image=f"data:image/jpeg;base64,{report.jpeg}", **shown)
