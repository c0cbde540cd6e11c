"""Runs attempts of jobs on a slot of this machine: fetches input files, runs the job, sends the outputs."""

import asyncio
import logging
import shutil
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from ...errors import (
    CannotLoad,
    EngineLost,
    InternalError,
    Interrupted,
    JobCancelled,
    JobFailed,
    SdcppError,
)
from ...events import PreviewDemand
from ...jobs.input_images import InputStore
from ...schemas.cluster import Attempt, AttemptProgress, AttemptResult, JobAssignment
from ...schemas.events import JobPreview
from ...schemas.jobs import Job, Outcome, Progress
from ...schemas.options import BoundedPreviewSettings
from ...slots.executor import EngineExecutor
from ..connection import BrokerConnection
from ..object_files import ObjectFiles, inputs_of, outputs_of
from .bounded_dict import BoundedDict

log = logging.getLogger(__name__)

# Attempts that were cancelled before they began.
STOPPED_REMEMBERED = 16
# The files in a result take so much of what a message may hold (1 MB unless the broker says otherwise); they
# grow by a third on their way.
ENCLOSED_PART = 4


class AssignedPreview:
    """The preview settings that came with the present assignment of a slot; its executor reads them."""

    def __init__(self) -> None:
        self.current = BoundedPreviewSettings()

    def get(self) -> BoundedPreviewSettings:
        """The settings at this moment."""
        return self.current


@dataclass(frozen=True)
class WorkerFiles:
    """Files of jobs: in the object store, and on this machine while a job runs."""

    store: ObjectFiles
    inputs: InputStore
    output_dir: Path

    async def clean(self, job_id: str) -> None:
        """Delete what a job left on this machine."""
        for folder in (self.inputs.folder(job_id), self.output_dir / job_id):
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


class AttemptRunner:
    """Runs the attempts of one slot, one at a time."""

    def __init__(
        self,
        *,
        worker: str,
        executor: EngineExecutor,
        connection: BrokerConnection,
        files: WorkerFiles,
        preview: AssignedPreview,
        preview_demand: PreviewDemand,
        announcement_due: asyncio.Event,
    ) -> None:
        """`announcement_due` is set when an attempt begins and ends."""
        self._worker = worker
        self._executor = executor
        self._connection = connection
        self._files = files
        self._preview = preview
        self._preview_demand = preview_demand
        self._announcement_due = announcement_due
        self.current: Attempt | None = None
        self._stopped = BoundedDict[Attempt, None](STOPPED_REMEMBERED)

    async def stop(self, attempt: Attempt) -> None:
        """Cancel an attempt, or do not begin it."""
        self._stopped[attempt] = None
        if self.current == attempt:
            await self._executor.cancel(attempt.job_id)

    async def run(self, assignment: JobAssignment) -> AttemptResult:
        """Run a job and send its files. Never raises, but for CancelledError: failures become results."""
        attempt, job = assignment.attempt, assignment.job
        self.current, self._preview.current = attempt, assignment.preview
        self._preview_demand.update(assignment.wants_previews)
        self._announcement_due.set()
        log.info("job %s: %s begins (attempt %d)", job.id, job.type, job.attempt)
        try:
            self._raise_if_stopped(attempt)
            inputs = self._files.inputs.folder(job.id)
            await self._files.store.fetch(inputs_of(job.id), assignment.inputs, inputs)
            result = await self._send_outputs(attempt, await self._execute(job, attempt))
        except Exception as error:
            result = self._result_of(attempt, error)
        finally:
            self.current = None
            self._announcement_due.set()
            await self._files.clean(job.id)
        log.info("job %s: %s", job.id, _describe(result))
        return result

    async def _execute(self, job: Job, attempt: Attempt) -> Outcome:
        outcome: Outcome | None = None
        async with self._executor.acquire():
            self._raise_if_stopped(attempt)
            async with aclosing(self._executor.run(job)) as reports:
                async for report in reports:
                    match report:
                        case Outcome():
                            outcome = report
                        case Progress() | JobPreview():
                            await self._connection.publish(
                                self._connection.subjects.attempt_progress,
                                AttemptProgress(attempt=attempt, report=report),
                            )
        assert outcome is not None
        return outcome

    def _raise_if_stopped(self, attempt: Attempt) -> None:
        if attempt in self._stopped:
            raise JobCancelled

    async def _send_outputs(self, attempt: Attempt, outcome: Outcome) -> AttemptResult:
        files = await asyncio.to_thread(_list_files, self._files.output_dir / attempt.job_id)
        # A small file in the store costs a dozen messages more than one in the result itself.
        enclosed = await asyncio.to_thread(
            _read_smallest, files, self._connection.max_payload // ENCLOSED_PART
        )
        digests = await self._files.store.send(
            outputs_of(attempt), {name: path for name, path in files.items() if name not in enclosed}
        )
        return AttemptResult(attempt=attempt, outcome=outcome, files=digests, enclosed=enclosed)

    def _result_of(self, attempt: Attempt, error: Exception) -> AttemptResult:
        match error:
            case CannotLoad() | EngineLost():
                told: SdcppError = type(error)(f"{error} (on worker {self._worker})")
            case JobCancelled():
                told = error
            case Interrupted():
                told = Interrupted(str(error))
            case SdcppError():
                told = JobFailed(str(error))
            case _:
                # A bug of ours must not stop the worker, and the job must not stay without a result.
                log.error("job %s: broke", attempt.job_id, exc_info=error)
                told = JobFailed(str(InternalError.of(error)))
        return AttemptResult(attempt=attempt, error=told.info)


def _describe(result: AttemptResult) -> str:
    if result.error is None:
        return "completed"
    if result.error.code == JobCancelled.code:
        return "cancelled"
    return f"{result.error.code}: {result.error.message}"


def _list_files(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def _read_smallest(files: Mapping[str, Path], room: int) -> dict[str, bytes]:
    """The content of the smallest files, as many as fit into `room` bytes together."""
    chosen: dict[str, bytes] = {}
    for size, name in sorted((path.stat().st_size, name) for name, path in files.items()):
        room -= size
        if room < 0:
            break
        chosen[name] = files[name].read_bytes()
    return chosen
