"""Everything that can go wrong and be told to a client.

The docstring of a class is its default message; `status` is the HTTP status that the one handler in
`api/error_handlers.py` answers with. The code of an error is the name of its class in snake case: programs
may rely on it, so a class that is renamed keeps its old code in `code`.
"""

import errno
import re
from pathlib import Path
from typing import ClassVar, Self

from .schemas.errors import ErrorInfo


class SdcppError(Exception):
    """Something went wrong"""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "error"
    # What the API document puts before the message in answers with status 500.
    answer_prefix: ClassVar[str] = ""
    # Seconds after which a client may try again.
    retry_after: int | None = None

    def __init_subclass__(cls) -> None:
        """Give the class its code, unless it names one."""
        if "code" not in vars(cls):
            cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(self, message: str | None = None, field: str | None = None) -> None:
        """`field` names the field of the request that is at fault."""
        super().__init__(message or self.__doc__ or "")
        self.field = field

    @property
    def info(self) -> ErrorInfo:
        """As it crosses a border."""
        return ErrorInfo(code=self.code, message=str(self), field=self.field)


class InternalError(SdcppError):
    """A bug of ours"""

    @classmethod
    def of(cls, error: Exception) -> Self:
        """In the words of answers, jobs and results; the traceback belongs in the log."""
        return cls(f"Internal error: {type(error).__name__}: {error}")


def error_of(info: ErrorInfo) -> SdcppError:
    """The error that another process told; what only a later release knows becomes a SdcppError."""
    known = {kind.code: kind for kind in _subclasses(SdcppError)}
    error = known.get(info.code, SdcppError)(info.message)
    error.field = info.field
    return error


def _subclasses(kind: type[SdcppError]) -> list[type[SdcppError]]:
    return [one for child in kind.__subclasses__() for one in (child, *_subclasses(child))]


class BadRequest(SdcppError):
    """The request is not valid"""

    status = 400


class NoModelLoaded(BadRequest):
    """No model loaded"""


class NoUpscalerLoaded(BadRequest):
    """No upscaler loaded"""


class UpscalerLoadFailed(BadRequest):
    """Failed to load upscaler"""


class LoraNotFound(BadRequest):
    """A LoRA that the request names does not exist"""


class CannotCancel(BadRequest):
    """Cannot cancel job (not found or already processing)"""


class CannotPause(BadRequest):
    """Cannot pause job (not found, or it has ended)"""


class CannotResume(BadRequest):
    """Cannot resume job (not found, or not paused)"""


class InvalidPath(BadRequest):
    """Invalid path"""


class Unauthorized(SdcppError):
    """An API key is required: send it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'"""

    status = 401


class WrongKey(SdcppError):
    """This is none of the server's keys"""

    status = 401


class OriginRefused(SdcppError):
    """This Origin is not allowed"""

    status = 403


class ScopeMissing(SdcppError):
    """The key may not do this"""

    status = 403


class LinkExpired(SdcppError):
    """The link has expired"""

    status = 403


class LinkInvalid(SdcppError):
    """The signature of the link is wrong"""

    status = 403


class NotFound(SdcppError):
    """Not found"""

    status = 404


class JobNotFound(NotFound):
    """Job not found"""


class JobDamaged(NotFound):
    """The job cannot be read: its row in the database is damaged"""


class UpscalerNotFound(NotFound):
    """Model not found"""


class LoadInProgress(SdcppError):
    """Another model is being loaded"""

    status = 409


class LoadReplaced(SdcppError):
    """Another model took its place"""

    status = 409


class IdempotencyKeyReused(SdcppError):
    """The Idempotency-Key came with another request"""

    status = 409


class PicturesBusy(SdcppError):
    """Too many pictures are being decoded (setting limits.max_pixels_at_once); try again later"""

    status = 429
    retry_after = 10


class QueueFull(SdcppError):
    """Too many jobs wait (setting limits.max_pending); try again later"""

    status = 429
    retry_after = 10


class TooManyRequests(SdcppError):
    """Too many requests (setting limits.requests_per_minute); try again later"""

    status = 429
    retry_after = 1


class NameInUse(SdcppError):
    """This name is in use"""

    status = 409


class LastKey(SdcppError):
    """The key is needed"""

    status = 409


class QuotaReached(SdcppError):
    """The user has as much as the quota allows"""

    status = 429
    retry_after = 30


class ServerStopping(SdcppError):
    """The server is being stopped"""

    status = 503


class StorageUnavailable(SdcppError):
    """The queue cannot be read or written"""

    status = 503


class DiskFull(StorageUnavailable):
    """The disk is full"""

    status = 507


class BodyTooLarge(BadRequest):
    """The request body is too large"""


class ModelNotFound(SdcppError):
    """Model not found"""

    status = 500  # fixed by the API document for a main model that does not exist
    answer_prefix = "Internal error: "


class LoadFailed(SdcppError):
    """Failed to load model"""

    status = 500  # fixed by the API document for a model that the engine refuses


class NotEnoughMemory(SdcppError):
    """There is not enough memory for the model"""

    status = 507


class JobFailed(SdcppError):
    """The job failed"""


class CannotLoad(JobFailed):
    """What the job needs cannot be loaded into this slot"""


class JobCancelled(SdcppError):
    """The job was cancelled"""


class EngineLost(SdcppError):
    """The engine process ended unexpectedly"""

    got_on = False
    """Whether it had computed more of its job than the attempt before: such a job does not kill engines."""


class EngineUnusable(SdcppError):
    """The engine library cannot be used"""


class Interrupted(SdcppError):
    """The attempt was broken off through no fault of the job"""


class Paused(Interrupted):
    """The attempt was broken off because the job is to wait"""


class Preempted(Interrupted):
    """The attempt was broken off for a more urgent job"""


class WorkerLost(Interrupted):
    """The worker that ran the job is gone"""


class NoSlot(BadRequest):
    """No machine can do this now"""


class LlmFailed(SdcppError):
    """The language model did not answer"""

    status = 500  # fixed by the API document, with "success": false


class LlmDisabled(LlmFailed):
    """The language model is disabled in the settings"""


class LlmUnreachable(LlmFailed):
    """The language model's server cannot be reached"""


class LlmTimeout(LlmFailed):
    """The language model did not answer in time"""


class LlmRefused(LlmFailed):
    """The language model's server answered with an error"""


class LlmModelMissing(LlmFailed):
    """The language model does not exist"""


class LlmGarbled(LlmFailed):
    """The language model's server answered something that cannot be understood"""


class LlmSilent(LlmFailed):
    """The language model gave an empty answer"""


class BadSettings(SdcppError):
    """A setting is not valid"""


class DataDirectoryBusy(SdcppError):
    """Another server uses this data directory"""


def storage_error(folder: Path, error: OSError) -> StorageUnavailable:
    """What a file of the queue that could not be written means for whoever asked."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"The disk is full: {folder} has no room for the queue")
    return StorageUnavailable(f"{folder} cannot be written: {error.strerror or error}")
