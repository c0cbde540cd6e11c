"""The JetStream streams and the object store that a server shares with its workers."""

from contextlib import suppress

from nats.js import JetStreamContext
from nats.js.api import RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import BadRequestError

from .subjects import Subjects

# What is meant for a server or worker that never comes back goes away in the end.
MAX_AGE_SECONDS = 7 * 86400.0


async def create_streams(js: JetStreamContext, subjects: Subjects, replicas: int) -> None:
    """Create what is missing; streams that exist get the present settings. Raises one of BROKER_ERRORS."""
    for stream, subject in (
        (subjects.jobs_stream, subjects.all_jobs),
        (subjects.results_stream, subjects.all_results),
    ):
        config = StreamConfig(
            name=stream,
            subjects=[subject],
            retention=RetentionPolicy.WORK_QUEUE,
            storage=StorageType.FILE,
            max_age=MAX_AGE_SECONDS,
            num_replicas=replicas,
        )
        try:
            await js.add_stream(config)
        except BadRequestError:  # it exists with other settings
            await js.update_stream(config)
    with suppress(BadRequestError):  # the bucket exists with other settings
        await js.create_object_store(subjects.bucket, ttl=MAX_AGE_SECONDS, replicas=replicas)
