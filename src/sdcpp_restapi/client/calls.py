"""What can be asked of a server, a function a request. Fields that are not given, the server fills in."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from ..schemas.conversion import ConvertAccepted
from ..schemas.downloads import DownloadAccepted, ModelHash
from ..schemas.generation import Accepted, Img2ImgRequest, Txt2ImgRequest
from ..schemas.inspection import Inspection
from ..schemas.jobs import JobView, QueueView
from ..schemas.model_housekeeping import (
    ChangedModel,
    DuplicateList,
    ModelDeleted,
    ModelsRestored,
    ModelTrashList,
)
from ..schemas.model_links import ResolvedLink
from ..schemas.model_search import SearchPage, UpdateList
from ..schemas.model_sets import PullAccepted, PullPlan, SetList, SetRemoval, SetsUpdated, SetView
from ..schemas.model_types import ModelType
from ..schemas.models import DetailedModelList, Done, Health, LoadResponse, ModelList
from ..schemas.options import Architectures, Options
from ..schemas.plan import Plan
from ..schemas.trash import Deleted, Restored
from ..schemas.upscaling import UpscaleRequest, UpscalerLoadResponse
from ..schemas.video import Txt2VidRequest
from ..schemas.workers import WorkerList
from .call import ANSWER_SECONDS, Call, ask
from .images import ImageSource, encode_image
from .job_changes import AnyJob, id_of

# Reading a large model from a slow disk takes minutes, and the answer comes at its end.
LOAD_SECONDS = 3600.0
# Several sites are asked, each with its own time.
LOOK_UP_SECONDS = 120.0
# Thousands of folders on a slow disk.
DELETE_SECONDS = 600.0
# Another site is asked, several times in a row.
SITE_SECONDS = 600.0
# A long video over a slow line.
OUTPUT_SECONDS = 300.0

_PATHS: dict[type[Txt2ImgRequest | Img2ImgRequest | Txt2VidRequest | UpscaleRequest], str] = {
    Txt2ImgRequest: "/txt2img",
    Img2ImgRequest: "/img2img",
    Txt2VidRequest: "/txt2vid",
    UpscaleRequest: "/upscale",
}


# ---------------------------------------------------------------- jobs


def generate(
    prompt: str,
    *,
    image: ImageSource | None = None,
    mask: ImageSource | None = None,
    video: bool = False,
    **fields: Any,
) -> Call[Accepted]:
    """Submit a picture (POST /txt2img), with `image` one made from it (POST /img2img), with `video` a video
    (POST /txt2vid), whose first frame `image` is. With `mask` only its white part is painted anew.

    `fields` are those of the request, such as steps=30.
    """
    path, body = _generation(prompt, image, mask, video, fields)
    return ask(Accepted, "POST", path, body)


def edit(prompt: str, *images: ImageSource, **fields: Any) -> Call[Accepted]:
    """Submit a change of pictures by words, for models that take reference images: Flux Kontext, Qwen Image
    Edit and their like."""
    body = {"prompt": prompt, "ref_images": [encode_image(image) for image in images], **fields}
    return ask(Accepted, "POST", "/txt2img", body)


def upscale(image: ImageSource, **fields: Any) -> Call[Accepted]:
    """Submit a picture to be enlarged by the loaded upscaler (POST /upscale)."""
    return ask(Accepted, "POST", "/upscale", {"image_base64": encode_image(image), **fields})


def submit(request: Txt2ImgRequest | Img2ImgRequest | Txt2VidRequest | UpscaleRequest) -> Call[Accepted]:
    """Submit a request that is given as an object, which type checkers know the fields of."""
    return ask(Accepted, "POST", _PATHS[type(request)], request.model_dump(mode="json", exclude_unset=True))


def plan(
    prompt: str,
    *,
    image: ImageSource | None = None,
    mask: ImageSource | None = None,
    video: bool = False,
    **fields: Any,
) -> Call[Plan]:
    """What would become of `generate` with these arguments (POST /plan): nothing is stored or loaded."""
    path, body = _generation(prompt, image, mask, video, fields)
    return ask(Plan, "POST", "/plan", body, {"type": path.removeprefix("/")})


def convert(input_path: str, output_type: str, **fields: Any) -> Call[ConvertAccepted]:
    """Submit a conversion of a model file to GGUF (POST /convert)."""
    body = {"input_path": input_path, "output_type": output_type, **fields}
    return ask(ConvertAccepted, "POST", "/convert", body)


def job(job: AnyJob) -> Call[JobView]:
    """How a job is."""
    return ask(JobView, "GET", f"/queue/{_segment(id_of(job))}")


def queue(**query: Any) -> Call[QueueView]:
    """A page of jobs, newest first, by the query of GET /queue: status, type, search, limit, page, ..."""
    return ask(QueueView, "GET", "/queue", query=query)


def cancel(job: AnyJob) -> Call[Done]:
    """Cancel a job that waits or runs."""
    return ask(Done, "DELETE", f"/queue/{_segment(id_of(job))}")


def delete(job_ids: Sequence[str], purge: bool = False) -> Call[Deleted]:
    """Put finished jobs into the trash with their files, or with `purge` delete them for good."""
    body = {"job_ids": list(job_ids), "purge": purge}
    return ask(Deleted, "DELETE", "/queue/jobs", body, seconds=DELETE_SECONDS)


def restore(job_ids: Sequence[str]) -> Call[Restored]:
    """Get jobs back from the trash."""
    return ask(Restored, "POST", "/queue/restore", {"job_ids": list(job_ids)}, seconds=DELETE_SECONDS)


def output(path: str) -> Call[bytes]:
    """A file of a job: one of its `outputs`."""
    return Call("GET", f"/output/{_path(path)}", bytes, seconds=OUTPUT_SECONDS)


# ---------------------------------------------------------------- models


def models(**filters: str) -> Call[ModelList]:
    """The model files of the server that pass the filters: type, extension, search."""
    return ask(ModelList, "GET", "/models", query=filters)


def models_in_detail(**filters: str) -> Call[DetailedModelList]:
    """The same with what their headers tell; the server reads those once, which takes a while for many."""
    query = {**filters, "details": "true"}
    return ask(DetailedModelList, "GET", "/models", query=query, seconds=DELETE_SECONDS)


def inspect_model(model_type: ModelType | str, name: str) -> Call[Inspection]:
    """What a model file is and needs."""
    return ask(Inspection, "GET", f"/models/inspect/{_segment(model_type)}/{_path(name)}")


def hash_model(model_type: ModelType | str, name: str) -> Call[ModelHash]:
    """The SHA-256 of a model file; the answer comes when the file was read."""
    return ask(ModelHash, "GET", f"/models/hash/{_segment(model_type)}/{_path(name)}", seconds=LOAD_SECONDS)


def download_model(model_type: ModelType | str, **source: Any) -> Call[DownloadAccepted]:
    """Submit a download (POST /models/download) from `url`, `repo_id` with `filename`, or `model_id`."""
    return ask(DownloadAccepted, "POST", "/models/download", {"model_type": model_type, **source})


def resolve_link(link: str) -> Call[ResolvedLink]:
    """What a link to a model leads to, by headers that the server reads there."""
    return ask(ResolvedLink, "POST", "/models/resolve", {"link": link}, seconds=SITE_SECONDS)


def search_models(q: str = "", **query: Any) -> Call[SearchPage]:
    """A page of models on a site, by the query of GET /models/search: source, type, base, sort, ..."""
    return ask(SearchPage, "GET", "/models/search", query={"q": q, **query}, seconds=SITE_SECONDS)


def model_updates(**query: Any) -> Call[UpdateList]:
    """The models of which a site has a newer version; the server sends it their hashes."""
    return ask(UpdateList, "GET", "/models/updates", query=query, seconds=SITE_SECONDS)


def model_duplicates() -> Call[DuplicateList]:
    """Model files with the same content, as far as their hashes are known."""
    return ask(DuplicateList, "GET", "/models/duplicates")


def change_model(model_type: ModelType | str, model: str, **fields: Any) -> Call[ChangedModel]:
    """Rename, move or describe a model by the fields of PATCH /models/...: name, folder, type, notes, ..."""
    where = f"/models/{_segment(model_type)}/{_path(model)}"
    return ask(ChangedModel, "PATCH", where, fields, seconds=LOAD_SECONDS)


def delete_model(
    model_type: ModelType | str, name: str, purge: bool = False, force: bool = False
) -> Call[ModelDeleted]:
    """Put a model into the trash with what lies beside it, or with `purge` delete it for good."""
    query = {word: "true" for word, wanted in (("purge", purge), ("force", force)) if wanted}
    where = f"/models/{_segment(model_type)}/{_path(name)}"
    return ask(ModelDeleted, "DELETE", where, query=query, seconds=DELETE_SECONDS)


def model_trash() -> Call[ModelTrashList]:
    """The models that were deleted and can come back."""
    return ask(ModelTrashList, "GET", "/models/trash")


def restore_models(ids: Sequence[str]) -> Call[ModelsRestored]:
    """Get models back from the trash."""
    body = {"ids": list(ids)}
    return ask(ModelsRestored, "POST", "/models/trash/restore", body, seconds=DELETE_SECONDS)


def load_model(model_name: str, **fields: Any) -> Call[LoadResponse]:
    """Load a model (POST /models/load); the answer comes when it is in memory."""
    body = {"model_name": model_name, **fields}
    return ask(LoadResponse, "POST", "/models/load", body, seconds=LOAD_SECONDS)


def model_sets() -> Call[SetList]:
    """The sets of models that can be pulled."""
    return ask(SetList, "GET", "/models/sets")


def model_set(name: str) -> Call[SetView]:
    """A set: its variants, which of them fit, what is on disk."""
    return ask(SetView, "GET", f"/models/sets/{_segment(name)}")


def plan_pull(set: str, **fields: Any) -> Call[PullPlan]:
    """What `pull` with these arguments would fetch; sites are asked, nothing is stored."""
    body = {"set": set, **fields, "plan": True}
    return ask(PullPlan, "POST", "/models/pull", body, seconds=LOOK_UP_SECONDS)


def pull(set: str, **fields: Any) -> Call[PullAccepted]:
    """Fetch a set of models (POST /models/pull): variant=, load=True, draw=True."""
    return ask(PullAccepted, "POST", "/models/pull", {"set": set, **fields}, seconds=LOOK_UP_SECONDS)


def remove_set(name: str, plan: bool = False) -> Call[SetRemoval]:
    """Delete what a pull brought, or with `plan` only tell it."""
    return ask(SetRemoval, "DELETE", f"/models/sets/{_segment(name)}", query={"plan": str(plan).lower()},
               seconds=DELETE_SECONDS)  # fmt: skip


def update_sets() -> Call[SetsUpdated]:
    """Fetch the sets of the server's addresses."""
    return ask(SetsUpdated, "POST", "/models/sets/update", seconds=LOOK_UP_SECONDS)


def unload_model() -> Call[Done]:
    """Free the loaded model, once the running job is done."""
    return ask(Done, "POST", "/models/unload", seconds=LOAD_SECONDS)


def load_upscaler(model_name: str, **fields: Any) -> Call[UpscalerLoadResponse]:
    """Make an upscaler the current one."""
    body = {"model_name": model_name, **fields}
    return ask(UpscalerLoadResponse, "POST", "/upscaler/load", body, seconds=LOAD_SECONDS)


def unload_upscaler() -> Call[Done]:
    """Free the upscaler."""
    return ask(Done, "POST", "/upscaler/unload", seconds=LOAD_SECONDS)


# ---------------------------------------------------------------- the server


def health(seconds: float = ANSWER_SECONDS) -> Call[Health]:
    """How the server is, and what is loaded."""
    return ask(Health, "GET", "/health", seconds=seconds)


def options() -> Call[Options]:
    """Samplers, schedulers, quantization types: what can be chosen."""
    return ask(Options, "GET", "/options")


def architectures() -> Call[Architectures]:
    """What each architecture needs, and the values that suit it."""
    return ask(Architectures, "GET", "/architectures")


def workers() -> Call[WorkerList]:
    """The machines that take jobs off the server's queue."""
    return ask(WorkerList, "GET", "/workers")


def _path(text: str) -> str:
    return "/".join(_segment(part) for part in text.split("/"))


def _segment(text: str) -> str:
    """One step of a path, whatever it holds: left as they are, dots would lead to another address."""
    return text.replace(".", "%2E") if text in (".", "..") else quote(text, safe="")


def _generation(
    prompt: str, image: ImageSource | None, mask: ImageSource | None, video: bool, fields: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    body = {"prompt": prompt, **fields}
    if image is not None:
        body["init_image_base64"] = encode_image(image)
    if mask is not None:
        body["mask_image_base64"] = encode_image(mask)
    if video:
        return "/txt2vid", body
    return ("/img2img" if "init_image_base64" in body else "/txt2img"), body
