"""From a translated request to a job, and to what became of it."""

import json
from collections.abc import Mapping
from typing import NamedTuple

from starlette.requests import Request

from ...api.app_state import AppState
from ...api.error_handlers import validate
from ...api.submitting import Submitter
from ...errors import JobCancelled, JobFailed
from ...jobs.submit.architecture_rules import Params
from ...schemas.generation import Img2ImgRequest, Txt2ImgRequest
from ...schemas.jobs import JobStatus, JobType, JobView
from ...schemas.video import Txt2VidRequest
from .form_body import is_form
from .image_translation import Translation, in_their_names

_REQUESTS: Mapping[JobType, type[Params]] = {
    "txt2img": Txt2ImgRequest,
    "img2img": Img2ImgRequest,
    "txt2vid": Txt2VidRequest,
}


class KeyedJob(NamedTuple):
    """A job that a request made; `replayed`: when it came before."""

    job_id: str
    replayed: bool

    @property
    def headers(self) -> dict[str, str]:
        """The headers of an answer that tell it."""
        replayed = {"idempotent-replayed": "true"} if self.replayed else {}
        return {"x-request-id": self.job_id, **replayed}


async def submit(
    state: AppState, request: Request, translated: Translation, sent: Mapping[str, object] | None
) -> KeyedJob:
    """Make it a job, once for each Idempotency-Key. `sent`: what the client sent under our own names.

    Raises what submitting does, with the names of the client's fields.
    """
    once = Submitter(state, request, request.headers.get("idempotency-key"))
    with in_their_names(translated.job_type, sent or {}):
        wanted = validate(_REQUESTS[translated.job_type], translated.fields)
        answer = await once.accept(
            lambda key: state.generations.submit(translated.job_type, wanted, key, told=translated.warnings),
            (lambda: json.dumps(translated.fields, sort_keys=True).encode()) if is_form(request) else None,
        )
    return KeyedJob(json.loads(answer.text)["job_id"], answer.replayed)


def check_completed(job: JobView) -> JobView:
    """The same job. Raises JobFailed, JobCancelled."""
    if job.status is JobStatus.FAILED:
        raise JobFailed(job.error)
    if job.status is JobStatus.CANCELLED:
        raise JobCancelled
    return job
