"""What can go wrong between a client and its server."""

from ..schemas.jobs import JobView


class ClientError(Exception):
    """Something went wrong; the text is a sentence for people."""


class ServerUnreachable(ClientError):
    """No server answers, or the line broke."""


class UnknownServer(ClientError):
    """What answers is not an SDCPP-RESTAPI server."""


class ServerRefused(ClientError):
    """The server answered with an error."""

    def __init__(self, message: str, status: int, code: str | None = None, field: str | None = None) -> None:
        """HTTP status, the stable word of docs/errors.md, and the request's field at fault, if it is one."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.field = field


class JobUnsuccessful(ClientError):
    """The job failed or was cancelled."""

    def __init__(self, job: JobView) -> None:
        super().__init__(job.error or f"the job was {job.status}")
        self.job = job
