"""Consumes the job assignments of one slot, one after the other, and publishes their results."""

import asyncio
import logging
from contextlib import aclosing, suppress

from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig
from pydantic import ValidationError

from ...errors import Interrupted, JobFailed
from ...schemas.cluster import Attempt, AttemptResult, JobAssignment
from ..broker_errors import BROKER_ERRORS
from ..connection import BrokerConnection
from ..durable_consumer import DurableConsumer
from .attempt_runner import AttemptRunner
from .bounded_dict import BoundedDict

log = logging.getLogger(__name__)

# The broker delivers an assignment again when it hears nothing of it for so long.
ACK_WAIT = 30.0
# A worker that is stopped waits no longer for a broker that is away.
REQUEUE_SECONDS = 5.0
# Results that are published again when their assignment is, for servers that missed them.
RESULTS_REMEMBERED = 16


class JobConsumer:
    """Has each assignment run once, however often it is delivered."""

    def __init__(
        self, *, worker: str, number: int, runner: AttemptRunner, connection: BrokerConnection
    ) -> None:
        self._worker = worker
        self._runner = runner
        self._connection = connection
        subjects = connection.subjects
        config = ConsumerConfig(
            durable_name=f"{worker}-{number}",
            filter_subject=subjects.job(worker, number),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT,
            max_ack_pending=1,
        )
        self._assignments = DurableConsumer(connection, subjects.jobs_stream, config)
        self._results = BoundedDict[Attempt, AttemptResult](RESULTS_REMEMBERED)

    async def run(self) -> None:
        """Work until cancelled; the job in hand is then requeued."""
        async with aclosing(self._assignments.messages()) as messages:
            async for message in messages:
                await self._handle(message)

    async def wait_ready(self) -> None:
        """Wait until the broker lets it fetch assignments."""
        await self._assignments.ready.wait()

    async def _handle(self, message: Msg) -> None:
        try:
            assignment = JobAssignment.model_validate_json(message.data)
        except ValidationError as error:
            log.error("an assignment was not understood: %s", error)
            with suppress(*BROKER_ERRORS):
                await message.term()
            return
        extending = asyncio.create_task(_extend_ack_wait(message))
        try:
            result = self._results.get(assignment.attempt) or await self._runner.run(assignment)
            self._results[assignment.attempt] = result
            await self._publish(result)
        except asyncio.CancelledError:
            await self._requeue(assignment.attempt, message)
            raise
        finally:
            extending.cancel()
        await self._connection.acknowledge(message)

    async def _publish(self, result: AttemptResult) -> None:
        subject = self._connection.subjects.result(result.attempt)
        if len(result.model_dump_json().encode()) > self._connection.max_payload:
            error = JobFailed("The result is longer than a message may be")
            result = AttemptResult(attempt=result.attempt, error=error.info)
        await self._connection.publish_durable(subject, result)

    async def _requeue(self, attempt: Attempt, message: Msg) -> None:
        """Give the job back (or publish its result, if it has one): this worker is being stopped."""
        result = self._results.get(attempt) or AttemptResult(
            attempt=attempt, error=Interrupted(f"Worker {self._worker} was stopped").info
        )
        with suppress(*BROKER_ERRORS):
            async with asyncio.timeout(REQUEUE_SECONDS):
                await self._publish(result)
                await self._connection.acknowledge(message)


async def _extend_ack_wait(message: Msg) -> None:
    """Keep the broker from delivering an assignment again while it is being worked on."""
    while True:
        await asyncio.sleep(ACK_WAIT / 3)
        with suppress(*BROKER_ERRORS):
            await message.in_progress()
