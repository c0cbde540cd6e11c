"""Errors of nats-py (2.16), by what a caller can do about them."""

from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError
from nats.js.errors import APIError, BadObjectMetaError, DigestMismatchError, ObjectNotFoundError

# The broker is away, slow or starting, or refuses. Anything else is a bug, or a file that can't be read.
BROKER_ERRORS = (NatsError, APIError, ConnectionError, TimeoutError)
# Those of them that repeating the call can't mend.
PERMANENT_ERRORS = (ObjectNotFoundError, BadObjectMetaError, DigestMismatchError, MaxPayloadError)
