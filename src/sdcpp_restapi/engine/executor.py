"""Runs generation jobs on an engine slot: the files of a job appear all at once, or not at all."""

import asyncio
import json
import logging
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from ..errors import EngineLost, JobCancelled, JobFailed, SdcppError
from ..schemas.engine import Generate, Generated, LoraFile, PreviewFrame, Refused, Step
from ..schemas.events import JobPreview
from ..schemas.generation import ImageRequest, Img2ImgRequest, Txt2ImgRequest
from ..schemas.jobs import Job, Outcome, Progress
from ..schemas.models import LoadRequest
from ..schemas.options import PreviewSettings
from .slot import EngineSlot

log = logging.getLogger(__name__)


class Prompts(Protocol):
    """Prompts without LoRA tags, and the LoRAs to apply."""

    @property
    def prompt(self) -> str: ...
    @property
    def negative_prompt(self) -> str: ...
    @property
    def loras(self) -> list[LoraFile]: ...


ResolvePrompts = Callable[[ImageRequest], Awaitable[Prompts]]


class EngineExecutor:
    """The executor of the engine lane."""

    def __init__(
        self,
        slot: EngineSlot,
        output_dir: Path,
        resolve_prompts: ResolvePrompts,
        input_files: Callable[[Job], dict[str, list[str]]],
        preview: Callable[[], PreviewSettings],
    ) -> None:
        self._slot = slot
        self._output_dir = output_dir
        self._resolve_prompts = resolve_prompts
        self._input_files = input_files
        self._preview = preview
        self._current: str | None = None
        self._cancelled = False

    def sweep(self) -> None:
        """Delete what attempts left behind that a kill broke off; call once, before the first job."""
        for folder in self._output_dir.glob(".*.tmp"):
            shutil.rmtree(folder, ignore_errors=True)

    def turn(self) -> AbstractAsyncContextManager[None]:
        """The slot's turn for jobs."""
        return self._slot.turn()

    async def discard(self, job: Job) -> None:
        """Delete the outputs of a job that was cancelled while they appeared."""
        await asyncio.to_thread(shutil.rmtree, self._output_dir / job.id, ignore_errors=True)

    async def cancel(self, job_id: str) -> None:
        """Stop the job if it is the one in the engine."""
        if job_id == self._current:
            self._cancelled = True
            await self._slot.cancel()

    async def run(self, job: Job) -> AsyncIterator[Progress | JobPreview | Outcome]:
        """Load the job's own model if another one is in memory, generate, publish the files."""
        self._current, self._cancelled = job.id, False
        folder = self._output_dir / f".{job.id}.{job.attempt}.tmp"
        try:
            prompts = await self._resolve_prompts(_work_of(job)[0])
            await self._ready(job, prompts.loras)
            await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
            made: Generated | None = None
            async for report in self._slot.generate(self._command(job, prompts, folder)):
                match report:
                    case Step():
                        yield Progress.at(report.step, report.total_steps, report.image, report.images)
                    case PreviewFrame():
                        yield _preview(job, report)
                    case Generated():
                        made = report
                    case Refused():
                        raise JobCancelled if report.cancelled else JobFailed(report.error)
            assert made is not None
            yield await asyncio.to_thread(self._publish, job, folder, made)
        except OSError as error:
            raise JobFailed(f"The files of the job could not be written: {error}") from error
        finally:
            self._current = None
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _ready(self, job: Job, loras: list[LoraFile]) -> None:
        _, model = _work_of(job)
        if not self._slot.holds(model, loras):
            try:
                await self._slot.load(model)
            except SdcppError as error:
                if isinstance(error.__cause__, EngineLost):
                    raise error.__cause__ from error
                raise JobFailed(str(error)) from error
        if self._cancelled:
            raise JobCancelled

    def _command(self, job: Job, prompts: Prompts, folder: Path) -> Callable[[int], Generate]:
        params, model = _work_of(job)
        return lambda call_id: Generate(
            id=call_id,
            params=params,
            prompt=prompts.prompt,
            negative_prompt=prompts.negative_prompt,
            loras=prompts.loras,
            images=self._input_files(job),
            options=model.options,
            model_name=model.model_name,
            folder=str(folder),
            preview=self._preview(),
        )

    def _publish(self, job: Job, folder: Path, made: Generated) -> Outcome:
        """Add config.json and give the folder its final name: from then on the job has outputs."""
        (folder / "config.json").write_text(
            json.dumps(_config(job, made), indent=2, ensure_ascii=False) + "\n"
        )
        final = self._output_dir / job.id
        if final.exists():
            # Left by an attempt that was broken off between the renaming and the database.
            shutil.rmtree(final)
        os.replace(folder, final)
        return Outcome(outputs=tuple(f"{job.id}/{image.file}" for image in made.images))


def _work_of(job: Job) -> tuple[Txt2ImgRequest | Img2ImgRequest, LoadRequest]:
    """The parameters and the model of a job; the engine lane holds no others."""
    assert isinstance(job.params, Txt2ImgRequest | Img2ImgRequest)
    assert job.model is not None
    return job.params, job.model


def _config(job: Job, made: Generated) -> dict[str, object]:
    return {
        "job_id": job.id,
        "type": job.type,
        "created_at": job.created_at.isoformat(),
        "completed_at": datetime.now(UTC).isoformat(),
        "params": job.params.model_dump(mode="json", exclude_none=True),
        "model": _work_of(job)[1].model_dump(mode="json", exclude_none=True),
        "seeds": [image.seed for image in made.images],
        "timings": {"generate_seconds": made.seconds, "write_seconds": made.write_seconds},
    }


def _preview(job: Job, report: PreviewFrame) -> JobPreview:
    shown = report.model_dump(exclude={"kind", "id", "jpeg"})
    return JobPreview(job_id=job.id, image=f"data:image/jpeg;base64,{report.jpeg}", **shown)
