"""Everything that can go wrong and be told to a client.

The docstring of a class is its default message; `status` is the HTTP status that the one handler
in `api/failures.py` answers with.
"""


class SdcppError(Exception):
    """Something went wrong"""

    status = 500

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__ or "")


class BadRequest(SdcppError):
    """The request is not valid"""

    status = 400


class NoModelLoaded(BadRequest):
    """No model loaded"""


class NoUpscalerLoaded(BadRequest):
    """No upscaler loaded"""


class UpscalerLoadFailed(BadRequest):
    """Failed to load upscaler"""


class CannotCancel(BadRequest):
    """Cannot cancel job (not found or already processing)"""


class InvalidPath(BadRequest):
    """Invalid path"""


class Unauthorized(SdcppError):
    """An API key is required: send it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'"""

    status = 401


class OriginRefused(SdcppError):
    """This Origin is not allowed"""

    status = 403


class NotFound(SdcppError):
    """Not found"""

    status = 404


class JobNotFound(NotFound):
    """Job not found"""


class UpscalerNotFound(NotFound):
    """Model not found"""


class LoadInProgress(SdcppError):
    """Another model is being loaded"""

    status = 409


class BodyTooLarge(BadRequest):
    """The request body is too large"""


class ModelNotFound(SdcppError):
    """Internal error: Model not found"""

    status = 500  # fixed by the API document for a main model that does not exist


class LoadFailed(SdcppError):
    """Internal error: Failed to load model"""

    status = 500  # fixed by the API document for a model that the engine refuses


class JobFailed(SdcppError):
    """The job failed"""


class CannotLoad(JobFailed):
    """What the job needs cannot be loaded into this slot"""


class JobCancelled(SdcppError):
    """The job was cancelled"""


class EngineLost(SdcppError):
    """The engine process ended unexpectedly"""


class EngineUnusable(SdcppError):
    """The engine library cannot be used"""


class Interrupted(SdcppError):
    """The attempt was broken off through no fault of the job"""


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
