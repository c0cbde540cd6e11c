"""One slot of a worker at work: takes its orders from the stream, one after the other, and tells the ends."""

import asyncio
import logging
import shutil
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from pathlib import Path
from typing import Protocol

from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig
from pydantic import ValidationError

from ...errors import CannotLoad, EngineLost, Interrupted, JobCancelled, SdcppError
from ...schemas.cluster import Attempt, AttemptProgress, AttemptResult, JobAssignment
from ...schemas.events import JobPreview
from ...schemas.jobs import Job, Outcome, Progress, Transfer
from ...schemas.options import PreviewSettings
from ..connection import AWAY, BrokerConnection
from ..object_files import ObjectFiles, inputs_of, outputs_of

log = logging.getLogger(__name__)

# The broker gives an order out again when it hears nothing of it for so long.
ACK_WAIT = 30.0
# A worker that is stopped waits no longer for a broker that is away.
GOODBYE_SECONDS = 5.0
# Attempts of which the end is remembered, for servers that missed it.
REMEMBERED = 16
# The files in an end take so much of what a message may hold (1 MB unless the broker says otherwise); they
# grow by a third on their way.
ENCLOSED_PART = 4


class Executor(Protocol):
    """What runs jobs here."""

    def acquire(self) -> AbstractAsyncContextManager[None]: ...
    def run(self, job: Job) -> AsyncGenerator[Progress | Transfer | JobPreview | Outcome]: ...
    async def cancel(self, job_id: str) -> None: ...


class Folders(Protocol):
    """Where the files of a job are on this machine."""

    def inputs(self, job_id: str) -> Path: ...
    def outputs(self, job_id: str) -> Path: ...


class JobConsumer:
    """Works off the orders of one slot."""

    def __init__(
        self,
        worker: str,
        number: int,
        executor: Executor,
        connection: BrokerConnection,
        files: ObjectFiles,
        folders: Folders,
        changed: Callable[[], None],
    ) -> None:
        """`changed` is told when it begins and ends an attempt."""
        self._worker = worker
        self._number = number
        self._executor = executor
        self._connection = connection
        self._files = files
        self._folders = folders
        self._changed = changed
        # Set once the broker lets it fetch its orders.
        self.at_work = asyncio.Event()
        self.attempt: Attempt | None = None
        self.preview = PreviewSettings()
        self._ends: OrderedDict[Attempt, AttemptResult] = OrderedDict()
        self._stopped: OrderedDict[Attempt, None] = OrderedDict()

    async def work(self) -> None:
        """Work until cancelled; the job in hand is then given back."""
        names = self._connection.names
        consumer = ConsumerConfig(
            durable_name=f"{self._worker}-{self._number}",
            filter_subject=names.job(self._worker, self._number),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT,
            max_ack_pending=1,
        )
        async with aclosing(self._connection.pull(names.jobs_stream, consumer, self.at_work.set)) as messages:
            async for message in messages:
                await self._handle(message)

    async def stop(self, attempt: Attempt) -> None:
        """Leave an attempt, or do not begin it."""
        _remember(self._stopped, attempt, None)
        if self.attempt == attempt:
            await self._executor.cancel(attempt.job_id)

    # ------------------------------------------------------------ inside

    async def _handle(self, message: Msg) -> None:
        try:
            assignment = JobAssignment.model_validate_json(message.data)
        except ValidationError as error:
            log.error("an order was not understood: %s", error)
            with suppress(*AWAY):
                await message.term()
            return
        keeping = asyncio.create_task(_keep(message))
        try:
            end = self._ends.get(assignment.attempt) or await self._carry_out(assignment)
            _remember(self._ends, assignment.attempt, end)
            await self._tell(end)
        except asyncio.CancelledError:
            await self._give_back(assignment.attempt, message)
            raise
        finally:
            keeping.cancel()
        await self._connection.acknowledge(message)

    async def _tell(self, end: AttemptResult) -> None:
        subject = self._connection.names.end(end.attempt)
        data = end.model_dump_json().encode()
        if len(data) > self._connection.max_payload:
            end = AttemptResult(
                attempt=end.attempt, how="failed", error="The result is longer than a message may be"
            )
            data = end.model_dump_json().encode()
        await self._connection.retry(lambda: self._connection.js.publish(subject, data))

    async def _give_back(self, attempt: Attempt, message: Msg) -> None:
        """This worker is being stopped."""
        end = self._ends.get(attempt) or AttemptResult(
            attempt=attempt, how="returned", error=f"Worker {self._worker} was stopped"
        )
        with suppress(*AWAY):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._tell(end)
                await self._connection.acknowledge(message)

    async def _carry_out(self, assignment: JobAssignment) -> AttemptResult:
        """Run a job: files, then their end. Whatever happens becomes an End."""
        attempt, job = assignment.attempt, assignment.job
        self.attempt, self.preview = attempt, assignment.preview
        self._changed()
        log.info("job %s: %s begins (attempt %d)", job.id, job.type, job.attempt)
        try:
            if attempt in self._stopped:
                raise JobCancelled
            await self._files.fetch(inputs_of(job.id), assignment.inputs, self._folders.inputs(job.id))
            outcome = await self._run(job, attempt)
            end = await self._completed(attempt, outcome)
        except JobCancelled:
            end = AttemptResult(attempt=attempt, how="cancelled")
        except CannotLoad as error:
            end = AttemptResult(
                attempt=attempt, how="cannot_load", error=f"{error} (on worker {self._worker})"
            )
        except EngineLost as lost:
            end = AttemptResult(
                attempt=attempt, how="engine_lost", error=f"{lost} (on worker {self._worker})"
            )
        except Interrupted as error:
            end = AttemptResult(attempt=attempt, how="returned", error=str(error))
        except SdcppError as error:
            end = AttemptResult(attempt=attempt, how="failed", error=str(error))
        except Exception as error:
            # A bug of ours must not stop the worker, and the job must not stay in the air.
            log.exception("job %s: broke", job.id)
            end = AttemptResult(
                attempt=attempt, how="failed", error=f"Internal error: {type(error).__name__}: {error}"
            )
        finally:
            self.attempt = None
            self._changed()
            await asyncio.to_thread(self._clean, job.id)
        log.info("job %s: %s%s", job.id, end.how, f": {end.error}" if end.error else "")
        return end

    async def _run(self, job: Job, attempt: Attempt) -> Outcome:
        outcome: Outcome | None = None
        async with self._executor.acquire():
            if attempt in self._stopped:
                raise JobCancelled
            async with aclosing(self._executor.run(job)) as happenings:
                async for happening in happenings:
                    match happening:
                        case Outcome():
                            outcome = happening
                        case Progress() | JobPreview():
                            await self._connection.publish(
                                self._connection.names.live, AttemptProgress(attempt=attempt, word=happening)
                            )
        assert outcome is not None
        return outcome

    async def _completed(self, attempt: Attempt, outcome: Outcome) -> AttemptResult:
        folder = self._folders.outputs(attempt.job_id)
        files = await asyncio.to_thread(_files_of, folder)
        # A small file in the store costs a dozen messages more than one in the end itself.
        enclosed = await asyncio.to_thread(_small_ones, files, self._connection.max_payload // ENCLOSED_PART)
        digests = await self._files.send(
            outputs_of(attempt), {name: path for name, path in files.items() if name not in enclosed}
        )
        return AttemptResult(
            attempt=attempt, how="completed", outcome=outcome, files=digests, enclosed=enclosed
        )

    def _clean(self, job_id: str) -> None:
        for folder in (self._folders.inputs(job_id), self._folders.outputs(job_id)):
            shutil.rmtree(folder, ignore_errors=True)


async def _keep(message: Msg) -> None:
    """Tell the broker that the order is in good hands."""
    while True:
        await asyncio.sleep(ACK_WAIT / 3)
        with suppress(*AWAY):
            await message.in_progress()


def _files_of(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def _small_ones(files: Mapping[str, Path], room: int) -> dict[str, bytes]:
    """The content of the smallest files, as many as have room together."""
    chosen: dict[str, bytes] = {}
    for size, name in sorted((path.stat().st_size, name) for name, path in files.items()):
        room -= size
        if room < 0:
            break
        chosen[name] = files[name].read_bytes()
    return chosen


def _remember[V](known: OrderedDict[Attempt, V], attempt: Attempt, value: V) -> None:
    known[attempt] = value
    while len(known) > REMEMBERED:
        known.popitem(last=False)
