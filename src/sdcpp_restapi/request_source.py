"""How the request at hand came: what its job and the log are to tell of it."""

from contextvars import ContextVar

# The interface of another program.
SOURCE: ContextVar[str | None] = ContextVar("source", default=None)
# Warnings: what is outside of its body and does not act there.
UNHEARD: ContextVar[tuple[str, ...]] = ContextVar("unheard", default=())
# What the request is called in its answer and in the log; a job runs under that of the request that made it.
REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
# The address that it came from.
CLIENT: ContextVar[str | None] = ContextVar("client", default=None)
# The job that is being worked on.
JOB_ID: ContextVar[str | None] = ContextVar("job_id", default=None)

# The client of requests that this server makes of itself, as part of one that came from outside.
IN_PROCESS = "in-process"
