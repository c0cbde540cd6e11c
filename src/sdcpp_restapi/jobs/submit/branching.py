"""Jobs that branch from a step of another one: checked against it, and completed with its fields."""

from ...errors import BadRequest
from ...requester import may_see
from ...schemas.branching import BranchFields
from ...schemas.generation import GenerationRequest, ImageRequest
from ...schemas.jobs import Job
from ...schemas.scheduling import JobRequest
from ...schemas.video import Txt2VidRequest
from ...slots.journals import Journals
from ..queue.store import JobStore
from .architecture_rules import Params

# Results of the model have the size of the picture.
_SAME = ("width", "height", "video_frames")
# What says how a job is run, and not what it draws; and pictures, which are stored with the parent only.
_OWN = {*JobRequest.model_fields, *BranchFields.model_fields, "engine", "keep_alive", "prompt_template"}


class Branching:
    """Completes requests that name the job from which they branch."""

    def __init__(self, store: JobStore, journals: Journals) -> None:
        self._store = store
        self._journals = journals

    async def complete(self, request: Params) -> Params:
        """With the fields of the parent that were not given. Raises BadRequest."""
        if request.keep_journal:
            self._journals.check_keeping("keep_journal")
        if request.from_job is None:
            return request
        parent = await self._find(request.from_job, request)
        params = parent.params
        assert isinstance(params, GenerationRequest)
        _check_step(request, params)
        await self._journals.check_parent(parent.id)
        own = request.model_fields_set - ({"prompt"} if not request.prompt else set())
        shared = set(type(request).model_fields) & set(type(params).model_fields) - _OWN - own
        taken = {name: getattr(params, name) for name in shared if not name.endswith("_base64")}
        if "model" not in own and parent.model is not None:
            taken["model"] = parent.model
        completed = request.model_copy(update=taken)
        for name in _SAME:
            there, here = getattr(params, name, None), getattr(completed, name, None)
            if there != here:
                raise BadRequest(
                    f"{name}: {here} is not allowed; it must be {there}, as in the job of from_job",
                    field=name,
                )
        return completed

    async def _find(self, job_id: str, request: Params) -> Job:
        parent = await self._store.get(job_id)
        if parent is None or not may_see(parent.user):
            raise BadRequest(f"from_job: there is no job {job_id!r}", field="from_job")
        images = isinstance(request, ImageRequest)
        if not isinstance(parent.params, ImageRequest if images else Txt2VidRequest):
            raise BadRequest(
                f"from_job: job {job_id} is of type {parent.type}, and a branch makes the same: images of"
                " images, a video of a video",
                field="from_job",
            )
        return parent


def _check_step(request: Params, parent: GenerationRequest) -> None:
    step = request.from_step or 0
    if step > parent.steps:
        raise BadRequest(
            f"from_step: {step} is not allowed; the job of from_job has {parent.steps} steps",
            field="from_step",
        )
