"""A slot of a worker, used like one of this machine: it runs jobs, and models are loaded into it."""

import asyncio
import logging
import os
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from nats.errors import MaxPayloadError

from ...errors import (
    CannotLoad,
    EngineLost,
    Interrupted,
    JobCancelled,
    JobFailed,
    LoadFailed,
    SdcppError,
    UpscalerLoadFailed,
    WorkerLost,
)
from ...schemas.cluster import (
    Attempt,
    AttemptResult,
    JobAssignment,
    LoadModel,
    LoadUpscalerOrder,
    RpcReply,
    SlotState,
    UnloadModel,
    UnloadUpscalerOrder,
)
from ...schemas.events import JobPreview, ModelLoaded, UpscalerLoaded
from ...schemas.jobs import Job, Outcome, Progress
from ...schemas.models import LoadedSlot, LoadRequest
from ...schemas.options import PreviewSettings
from ...schemas.required_files import RequiredFiles
from ...schemas.upscaling import UpscalerRequest
from ..connection import AWAY, BrokerConnection
from ..object_files import ObjectFiles, inputs_of, outputs_of, unpack
from .attempt_channels import AttemptChannels, FinishedAttempt
from .remote_worker import RemoteWorker

log = logging.getLogger(__name__)

# A worker that has not begun with its order after so many seconds gets it again.
REMIND_AFTER = 5.0


@dataclass(frozen=True)
class RemoteSlotContext:
    """What all remote slots of a server share."""

    connection: BrokerConnection
    channels: AttemptChannels
    files: ObjectFiles
    output_dir: Path
    input_files: Callable[[Job], dict[str, list[str]]]
    preview: Callable[[], PreviewSettings]
    load_timeout: float


class RemoteSlot:
    """Jobs go down, what becomes of them comes up; files come before the end that names them."""

    # A job goes on when this server ends, and its result is waiting when the server is back.
    outlives_server = True

    def __init__(self, worker: RemoteWorker, number: int, context: RemoteSlotContext) -> None:
        self.worker = worker
        self.number = number
        self.ready = asyncio.Event()
        self.current: Attempt | None = None
        self.stopping = False
        self._context = context
        # What was sent and has no end yet, and when.
        self._assignment: JobAssignment | None = None
        self._sent_at = 0.0

    @property
    def name(self) -> str:
        """As jobs and messages name it."""
        return f"{self.worker.name}/{self.number}"

    @property
    def remote_name(self) -> str:
        """As the row of a job names it."""
        return self.name

    # ------------------------------------------------------------ as an executor

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[None]:
        """Wait until the worker is there; it keeps its jobs in line itself."""
        await self.ready.wait()
        yield

    async def cancel(self, job_id: str) -> None:
        """Tell the worker; it is told again with every sign of life that shows the job."""
        if self.current is not None and self.current.job_id == job_id:
            self.stopping = True
            await self.worker.stop(self.current)

    async def discard(self, job: Job) -> None:
        """Delete the outputs of a job that was cancelled while they appeared."""
        await asyncio.to_thread(shutil.rmtree, self._context.output_dir / job.id, ignore_errors=True)

    async def run(self, job: Job) -> AsyncGenerator[Progress | JobPreview | Outcome]:
        """Have the worker run a job, or go on with one that an earlier run of this server gave it.

        Raises JobFailed, JobCancelled and EngineLost as the worker says, WorkerLost when it is gone, and
        Interrupted when it gives the job back.
        """
        attempt = Attempt.of(job)
        channel = self._context.channels.expect(attempt)
        self.current, self.stopping = attempt, False
        try:
            if not self.worker.present:  # it was lost between the claim and this
                raise Interrupted(f"Worker {self.worker.name} is gone")
            inputs = await self._send(job)
            ended: FinishedAttempt | None = None
            while ended is None:
                word = await channel.get()
                if isinstance(word, FinishedAttempt):
                    ended = word
                else:
                    yield word
            self._assignment = None
            try:
                yield await self._outcome(job, ended.end)
            except SdcppError:
                # The end is not taken: when it is delivered again, the job has been stored as failed.
                self._clear(attempt, ended.end, inputs)
                raise
            # Only now that it is stored: a server that is stopped before takes the files once more.
            with suppress(*AWAY):
                await ended.take()
            self._clear(attempt, ended.end, inputs)
        finally:
            self.current = self._assignment = None
            self._context.channels.forget(attempt)

    async def remind(self, works_on: Attempt | None) -> None:
        """Give the worker its order again, which was lost if the broker came back without its store.

        The broker drops it if it has it still (for two minutes it knows what it was given); a worker that
        has carried it out only tells the end again.
        """
        assignment = self._assignment
        if assignment is None or works_on == assignment.attempt or monotonic() - self._sent_at < REMIND_AFTER:
            return
        log.debug("job %s: %s has not begun with it", assignment.job.id, self.name)
        with suppress(*AWAY):
            await self._give(assignment)

    async def _send(self, job: Job) -> list[str]:
        paths = [Path(path) for paths in self._context.input_files(job).values() for path in paths]
        digests = await self._context.files.send(inputs_of(job.id), {path.name: path for path in paths})
        assignment = JobAssignment(job=job, inputs=digests, preview=self._context.preview())
        await self._give(assignment)
        self._assignment = assignment
        return list(digests)

    async def _give(self, assignment: JobAssignment) -> None:
        connection = self._context.connection
        try:
            await connection.store(
                connection.names.job(self.worker.name, self.number), assignment, str(assignment.attempt)
            )
        except MaxPayloadError as error:
            raise JobFailed(
                "The job is longer than a message may be (max_payload of the broker, 1 MB unless it is set)"
            ) from error
        self._sent_at = monotonic()

    def _clear(self, attempt: Attempt, end: AttemptResult, inputs: list[str]) -> None:
        """Empty the store of what nobody needs; the next job does not wait for that."""
        self._context.files.forget({outputs_of(attempt): list(end.files), inputs_of(attempt.job_id): inputs})

    async def _outcome(self, job: Job, end: AttemptResult) -> Outcome:
        match end.how:
            case "failed":
                self.worker.failures += 1
                raise JobFailed(end.error)
            case "cannot_load":
                self.worker.failures += 1
                raise CannotLoad(end.error)
            case "engine_lost":
                self.worker.failures += 1
                raise EngineLost(end.error)
            case "cancelled":
                raise JobCancelled
            case "returned":
                raise Interrupted(end.error or f"Worker {self.worker.name} gave the job back")
        await self._receive(job, end)
        self.worker.jobs_done += 1
        return end.outcome

    async def _receive(self, job: Job, end: AttemptResult) -> None:
        """Bring the files of a job: all of them appear at once."""
        if not (end.files or end.enclosed):
            return
        final = self._context.output_dir / job.id
        unfinished = self._context.output_dir / f".{job.id}.{job.attempt}.tmp"
        try:
            await asyncio.to_thread(unpack, end.enclosed, unfinished)
            await self._context.files.fetch(outputs_of(end.attempt), end.files, unfinished)
            await asyncio.to_thread(_replace, unfinished, final)
        except OSError as error:
            raise JobFailed(f"The files of the job could not be written: {error}") from error
        finally:
            await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)

    # ------------------------------------------------------------ as a place for models

    @property
    def loading(self) -> LoadRequest | None:
        """What is being loaded."""
        return self._state.loading if self._state else None

    @property
    def problem(self) -> str | None:
        """Why its engine does not come up."""
        return f"{self.name}: {self._state.problem}" if self._state and self._state.problem else None

    @property
    def loaded(self) -> LoadRequest | None:
        """The model in memory, as far as the worker has said."""
        return self._state.holds if self._state else None

    def view(self) -> LoadedSlot:
        """What its memory holds."""
        shown = self._state.view if self._state else LoadedSlot(device="unknown", model_name=None)
        return shown.model_copy(update={"worker": self.worker.name})

    async def revive(self) -> bool:
        """Whether its engine runs; the worker itself tries again."""
        return self.problem is None

    async def can_run(self, files: RequiredFiles) -> bool:
        """Whether its worker may be given jobs and has these files."""
        return self.worker.usable and self.worker.inventory.meets(files)

    async def load_on_request(self, request: LoadRequest) -> ModelLoaded:
        """Load a model once the running job is done. Raises LoadFailed."""
        answer = await self._ask_to_load(LoadModel(slot=self.number, request=request))
        if answer.loaded is None:
            raise LoadFailed(f"Failed to load model: {request.model_name}: no answer of {self.name}")
        return answer.loaded

    async def unload_on_request(self) -> None:
        """Free its model."""
        await self._ask_to_load(UnloadModel(slot=self.number))

    async def load_upscaler_on_request(self, request: UpscalerRequest) -> UpscalerLoaded:
        """Load an upscaler once the running job is done. Raises UpscalerLoadFailed."""
        answer = await self._ask_to_load(LoadUpscalerOrder(slot=self.number, request=request))
        if answer.upscaler is None:
            raise UpscalerLoadFailed(
                f"Failed to load upscaler: {request.model_name}: no answer of {self.name}"
            )
        return answer.upscaler

    async def unload_upscaler_on_request(self) -> None:
        """Free its upscaler."""
        await self._ask_to_load(UnloadUpscalerOrder(slot=self.number))

    async def _ask_to_load(
        self, question: LoadModel | UnloadModel | LoadUpscalerOrder | UnloadUpscalerOrder
    ) -> RpcReply:
        asking = asyncio.create_task(self.worker.request(question, self._context.load_timeout))
        losing = asyncio.create_task(self.worker.wait_lost())
        try:
            await asyncio.wait((asking, losing), return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise WorkerLost(f"Worker {self.worker.name} was lost")
            return await asking
        finally:
            asking.cancel()
            losing.cancel()

    @property
    def _state(self) -> SlotState | None:
        last_announcement = self.worker.last_announcement
        return (
            last_announcement.slots[self.number]
            if last_announcement and self.number < len(last_announcement.slots)
            else None
        )


def _replace(unfinished: Path, final: Path) -> None:
    if final.exists():
        # Left by an attempt that was broken off between the renaming and the database.
        shutil.rmtree(final)
    os.replace(unfinished, final)
