"""A slot of a worker, used like one of this machine: it runs jobs, and models are loaded into it."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from nats.errors import MaxPayloadError

from ...errors import (
    EngineLost,
    Interrupted,
    JobFailed,
    LoadFailed,
    SdcppError,
    UpscalerLoadFailed,
    WorkerLost,
)
from ...events import PreviewDemand
from ...jobs.input_images import InputStore
from ...outputs.job_folder import JobOutputFolder
from ...preferences import PreviewPreference
from ...schemas.cluster import (
    Attempt,
    AttemptResult,
    JobAssignment,
    LoadModel,
    LoadUpscaler,
    RpcReply,
    SlotState,
    UnloadModel,
    UnloadUpscaler,
)
from ...schemas.events import JobPreview, ModelLoaded, UpscalerLoaded
from ...schemas.jobs import Job, Outcome, Progress
from ...schemas.models import LoadedSlot, LoadRequest
from ...schemas.required_files import RequiredFiles
from ...schemas.upscaling import UpscalerRequest
from ..broker_errors import BROKER_ERRORS
from ..connection import BrokerConnection
from ..object_files import ObjectFiles, inputs_of, outputs_of
from .attempt_channels import AttemptChannels, FinishedAttempt
from .attempt_results import raise_unless_completed, receive_outputs
from .remote_worker import RemoteWorker
from .sweeper import Sweeper

log = logging.getLogger(__name__)

# A worker that has not begun with its assignment after so many seconds gets it again.
RESEND_AFTER = 5.0


@dataclass(frozen=True)
class RemoteSlotContext:
    """What all remote slots of a server share; `load_timeout` in seconds."""

    connection: BrokerConnection
    channels: AttemptChannels
    files: ObjectFiles
    sweeper: Sweeper
    output_dir: Path
    inputs: InputStore
    preview: PreviewPreference
    preview_demand: PreviewDemand
    load_timeout: float


class RemoteSlot:
    """Sends jobs to a worker and receives their progress, results and files.

    A job goes on when this server ends, and its result is waiting when the server is back.
    """

    def __init__(self, worker: RemoteWorker, number: int, context: RemoteSlotContext) -> None:
        self.worker = worker
        self.number = number
        self.ready = asyncio.Event()
        self.current: Attempt | None = None
        self.stopping = False
        self._context = context
        # What was sent and has no result yet, and when.
        self._assignment: JobAssignment | None = None
        self._sent_at = 0.0

    @property
    def name(self) -> str:
        """`<worker>/<number>`."""
        return f"{self.worker.name}/{self.number}"

    @property
    def remote_name(self) -> str:
        """As the row of a job names it."""
        return self.name

    # ------------------------------------------------------------ as an executor

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[None]:
        """Wait until the worker is there; it runs its jobs one after the other by itself."""
        await self.ready.wait()
        yield

    def can_interrupt(self, _job_id: str) -> bool:
        """What a worker runs goes on to its end: its journal is not here."""
        return False

    async def interrupt(self, _job_id: str, _reason: Interrupted) -> None:
        """Never called."""

    async def cancel(self, job_id: str) -> None:
        """Tell the worker to stop the job; it is told again after every announcement that shows the job."""
        if self.current is not None and self.current.job_id == job_id:
            self.stopping = True
            await self.worker.stop_attempt(self.current)

    async def discard(self, job: Job) -> None:
        """Delete the outputs of a job that was cancelled while they appeared."""
        await JobOutputFolder(self._context.output_dir, job).discard()

    async def run(self, job: Job) -> AsyncGenerator[Progress | JobPreview | Outcome]:
        """Have the worker run a job, or go on with one that an earlier run of this server gave it.

        Raises JobFailed, JobCancelled and EngineLost as the worker says, WorkerLost when it is lost, and
        Interrupted when it gives the job back.
        """
        attempt = Attempt.of(job)
        channel = self._context.channels.open(attempt)
        self.current, self.stopping = attempt, False
        try:
            if not self.worker.present:  # it was lost between the claim and this
                raise Interrupted(f"Worker {self.worker.name} is gone")
            inputs = await self._send(job)
            finished: FinishedAttempt | None = None
            while finished is None:
                message = await channel.get()
                if isinstance(message, FinishedAttempt):
                    finished = message
                else:
                    yield message
            self._assignment = None
            try:
                yield await self._receive(job, finished.result)
            except SdcppError:
                # Not acknowledged: when the result is delivered again, the job has been stored as failed.
                self._delete_files(finished.result, inputs)
                raise
            # Only now that it is stored: a server that is stopped before fetches the files once more.
            with suppress(*BROKER_ERRORS):
                await finished.acknowledge()
            self._delete_files(finished.result, inputs)
        finally:
            self.current = self._assignment = None
            self._context.channels.close(attempt)

    async def resend_assignment(self, works_on: Attempt | None) -> None:
        """Resend an assignment that the worker does not work on: a broker may have lost its store.

        The broker drops it if it still has it (for two minutes it remembers ids of messages); a worker that
        has carried it out only sends the result again.
        """
        assignment = self._assignment
        if assignment is None or works_on == assignment.attempt or monotonic() - self._sent_at < RESEND_AFTER:
            return
        log.debug("job %s: %s has not begun with it", assignment.job.id, self.name)
        with suppress(*BROKER_ERRORS):
            await self._publish(assignment)

    async def _send(self, job: Job) -> list[str]:
        """Send a job and its input images; the names of these."""
        paths = [Path(path) for paths in self._context.inputs.files(job).values() for path in paths]
        digests = await self._context.files.send(inputs_of(job.id), {path.name: path for path in paths})
        assignment = JobAssignment(
            job=job,
            inputs=digests,
            preview=self._context.preview.for_job(),
            wants_previews=self._context.preview_demand.wanted,
        )
        await self._publish(assignment)
        self._assignment = assignment
        return list(digests)

    async def _publish(self, assignment: JobAssignment) -> None:
        connection = self._context.connection
        subject = connection.subjects.job(self.worker.name, self.number)
        try:
            await connection.publish_durable(subject, assignment, message_id=str(assignment.attempt))
        except MaxPayloadError as error:
            raise JobFailed(
                "The job is longer than a message may be (max_payload of the broker, 1 MB unless it is set)"
            ) from error
        self._sent_at = monotonic()

    async def _receive(self, job: Job, result: AttemptResult) -> Outcome:
        try:
            raise_unless_completed(result)
        except (JobFailed, EngineLost):
            self.worker.failures += 1
            raise
        await receive_outputs(self._context.files, result, job, self._context.output_dir)
        self.worker.jobs_done += 1
        return result.outcome

    def _delete_files(self, result: AttemptResult, inputs: list[str]) -> None:
        """Free the store of a job's files; the next job does not wait for that."""
        attempt = result.attempt
        self._context.sweeper.delete_soon(
            {outputs_of(attempt): list(result.files), inputs_of(attempt.job_id): inputs}
        )

    # ------------------------------------------------------------ as a place for models

    @property
    def loading(self) -> LoadRequest | None:
        """The model that is being loaded, by the last announcement."""
        return self._state.loading if self._state else None

    @property
    def problem(self) -> str | None:
        """Why its engine does not come up."""
        return f"{self.name}: {self._state.problem}" if self._state and self._state.problem else None

    @property
    def loaded(self) -> LoadRequest | None:
        """The model in memory, by the last announcement."""
        return self._state.holds if self._state else None

    @property
    def residents(self) -> list[LoadRequest]:
        """All models in memory, by the last announcement."""
        return self._state.residents if self._state else []

    def view(self) -> LoadedSlot:
        """Its entry in `loaded_slots` of GET /health."""
        shown = self._state.view if self._state else LoadedSlot(device="unknown", model_name=None)
        return shown.model_copy(update={"worker": self.worker.name})

    async def revive(self) -> bool:
        """Whether its engine runs; the worker itself tries again."""
        return self.problem is None

    async def can_run(self, files: RequiredFiles) -> bool:
        """Whether its worker may be given jobs and has these files."""
        return (
            self.worker.usable
            and files.allow_engine(self.worker.engine_revision)
            and self.worker.inventory.meets(files)
        )

    async def load_on_request(self, request: LoadRequest) -> ModelLoaded:
        """Load a model once the running job is done. Raises LoadFailed."""
        reply = await self._request_load(LoadModel(slot=self.number, request=request))
        if reply.loaded is None:
            raise LoadFailed(f"Failed to load model: {request.model_name}: no answer of {self.name}")
        return reply.loaded

    async def unload_on_request(self) -> None:
        """Free its model once the running job is done."""
        await self._request_load(UnloadModel(slot=self.number))

    async def load_upscaler_on_request(self, request: UpscalerRequest) -> UpscalerLoaded:
        """Load an upscaler once the running job is done. Raises UpscalerLoadFailed."""
        reply = await self._request_load(LoadUpscaler(slot=self.number, request=request))
        if reply.upscaler is None:
            raise UpscalerLoadFailed(
                f"Failed to load upscaler: {request.model_name}: no answer of {self.name}"
            )
        return reply.upscaler

    async def unload_upscaler_on_request(self) -> None:
        """Free its upscaler once the running job is done."""
        await self._request_load(UnloadUpscaler(slot=self.number))

    async def _request_load(self, call: LoadModel | UnloadModel | LoadUpscaler | UnloadUpscaler) -> RpcReply:
        """Raises what the worker replies; WorkerLost as soon as it is lost, not only after the timeout."""
        replying = asyncio.create_task(self.worker.request(call, self._context.load_timeout))
        losing = asyncio.create_task(self.worker.wait_lost())
        try:
            await asyncio.wait((replying, losing), return_when=asyncio.FIRST_COMPLETED)
            if not replying.done():
                raise WorkerLost(f"Worker {self.worker.name} was lost")
            return await replying
        finally:
            replying.cancel()
            losing.cancel()

    @property
    def _state(self) -> SlotState | None:
        last = self.worker.last_announcement
        return last.slots[self.number] if last and self.number < len(last.slots) else None
