"""From a request to pull a set to stored jobs: the download of its files, and its example."""

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

from ...downloads.failures import TransferInterrupted
from ...downloads.several_files import request_of
from ...downloads.sources.registry import Sources
from ...downloads.sources.source import Origin
from ...errors import CannotCancel, SdcppError
from ...model_sets.planning import Choice, SetPlanner
from ...model_sets.presence import LocatedFile
from ...models.required_files import required_files_of
from ...schemas.generation import Txt2ImgRequest
from ...schemas.jobs import JobStatus
from ...schemas.model_sets import (
    ModelSet,
    PullAccepted,
    PulledFile,
    PullJob,
    PullPlan,
    PullRequest,
)
from ...schemas.model_types import COMPONENT_NAMES
from ...schemas.models import LoadOptions, LoadRequest
from ...schemas.scheduling import JobRequest
from ...schemas.video import Txt2VidRequest
from ..queue.durations import estimate_work
from ..queue.new_job import NewJob
from ..queue.queue import Queue
from ..queue.request_keys import RequestKey


@dataclass(frozen=True)
class PreparedPull:
    """A pull that nothing keeps from being run."""

    choice: Choice
    files: tuple[PulledFile, ...]
    bytes_to_fetch: int
    free_bytes: int
    load: LoadRequest | None
    upscaler: str | None
    warnings: list[str]


class PullSubmission:
    """Turns requests to pull a set into jobs."""

    def __init__(self, *, queue: Queue, sources: Sources, planner: SetPlanner) -> None:
        self._queue = queue
        self._sources = sources
        self._planner = planner

    async def plan(self, request: PullRequest) -> PullPlan:
        """What `submit` would do, told after the same checks. Raises what it raises."""
        prepared = await self._prepare(request)
        return PullPlan(
            set=prepared.choice.of.name,
            variant=prepared.choice.planned.variant.name,
            reason=prepared.choice.reason,
            license=prepared.choice.of.license,
            bytes_to_fetch=prepared.bytes_to_fetch,
            free_bytes=prepared.free_bytes,
            details=prepared.choice.planned.view,
            warnings=prepared.warnings or None,
        )

    async def submit(self, request: PullRequest, key: RequestKey | None = None) -> PullAccepted:
        """Check a request and store its jobs.

        Raises NotFound and BadRequest naming the field, DiskFull, UpstreamFailed and UpstreamMissing for
        files that cannot be had.
        """
        prepared = await self._prepare(request)
        params = _build_params(request, prepared)
        job_id = str(uuid4())
        drawing = self._prepare_example(request, prepared, job_id)

        def answer(position: int) -> PullAccepted:
            return PullAccepted(
                download_job_id=job_id,
                draw_job_id=drawing.id if drawing else None,
                set=params.set,
                variant=params.variant,
                reason=prepared.choice.reason,
                bytes_to_fetch=prepared.bytes_to_fetch,
                position=position,
                warnings=prepared.warnings or None,
            )

        job = NewJob(
            id=job_id,
            type="model_download",
            params=params,
            warnings=tuple(prepared.warnings),
            key=key,
            answer=answer,
        )
        accepted = answer(await self._queue.submit(job))
        if drawing is not None:
            await self._queue.submit(drawing)
            if (await self._queue.get(job_id)).status in (JobStatus.FAILED, JobStatus.CANCELLED):
                with suppress(CannotCancel):  # it ended before the other one was stored
                    await self._queue.cancel(drawing.id)
        return accepted

    async def _prepare(self, request: PullRequest) -> PreparedPull:
        warnings = request.warn_of_unknown_fields()
        choice = await self._planner.choose(request.set, request.variant)
        if choice.planned.view.fits is False:
            warnings.append(f"variant: {choice.planned.variant.name} {choice.planned.view.why}")
        found = choice.planned.files
        missing = [one for one in found if one.state == "missing"]
        origins = await asyncio.gather(*(self._ask(one, choice.of, warnings) for one in missing))
        published = [origin.size if origin else None for origin in origins]
        asked = zip(missing, published, strict=True)
        sizes = [(one, size or one.file.likely_size) for one, size in asked]
        known = {id(one): size for one, size in zip(missing, published, strict=True)}
        files = tuple(_decide(one, known.get(id(one))) for one in found)
        load, upscaler = _find_load(choice.of, files)
        if (request.load or request.draw) and load is None and not (request.load and upscaler):
            warnings.append(_explain_no_load(choice.of, request))
        return PreparedPull(
            choice=choice,
            files=files,
            bytes_to_fetch=sum(size for _, size in sizes),
            free_bytes=await self._planner.check_room(sizes),
            load=load,
            upscaler=upscaler,
            warnings=warnings,
        )

    async def _ask(self, one: LocatedFile, of: ModelSet, warnings: list[str]) -> Origin | None:
        """What its site tells of a file; None where it does not answer now, for the job tries again."""
        try:
            request, _ = await self._sources.check(request_of(one.file))
            origin = await self._sources.find_origin(request)
        except TransferInterrupted as broken:
            warnings.append(f"{one.file.save_as}: {broken}; the job tries again")
            return None
        except SdcppError as error:
            gated = f"; accept the terms at {of.license.gated}" if of.license.gated else ""
            raise type(error)(f"{one.file.save_as}: {error}{gated}", "set") from None
        if origin.size and one.file.size and origin.size != one.file.size and one.file.sha256 is None:
            warnings.append(
                f"{one.file.save_as} was changed by its publisher: {origin.size} bytes, the set states"
                f" {one.file.size}"
            )
        return origin

    def _prepare_example(self, request: PullRequest, prepared: PreparedPull, job_id: str) -> NewJob | None:
        of, model = prepared.choice.of, prepared.load
        if not request.draw or model is None:
            return None
        if of.example is None:
            prepared.warnings.append(f"draw: {of.name} has no example, since it needs a picture")
            return None
        shape = Txt2VidRequest if of.makes == "videos" else Txt2ImgRequest
        fields = {"prompt": of.example, "seed": secrets.randbelow(2**31), "engine": "any", **of.defaults}
        params = shape.model_validate({**fields, "client_id": request.client_id})
        return NewJob(
            type="txt2vid" if of.makes == "videos" else "txt2img",
            params=params,
            model=model,
            after=job_id,
            work=estimate_work(params),
            required_files=required_files_of(params, model, None),
        )


def _build_params(request: PullRequest, prepared: PreparedPull) -> PullJob:
    """What the job is stored with; fields that were not given stay so."""
    given = request.model_fields_set & set(JobRequest.model_fields)
    return PullJob(
        **{name: getattr(request, name) for name in given},
        set=prepared.choice.of.name,
        variant=prepared.choice.planned.variant.name,
        files=prepared.files,
        load=prepared.load if request.load else None,
        load_upscaler=prepared.upscaler if request.load else None,
    )


def _decide(one: LocatedFile, size: int | None) -> PulledFile:
    """What becomes of a file; `size` is what its site tells, if it does: that counts."""
    origin = one.file if size is None else one.file.model_copy(update={"size": size})
    return PulledFile(
        part=one.file.part,
        type=one.file.type,
        name=one.name,
        state=one.state,
        linked_to=str(one.linked_to) if one.linked_to else None,
        origin=origin,
    )


def _find_load(of: ModelSet, files: tuple[PulledFile, ...]) -> tuple[LoadRequest | None, str | None]:
    """The load request that names all components, or the upscaler; neither for sets that nothing loads."""
    named = {file.part: file.name for file in files if file.part}
    main = next((file for file in files if file.part == "model"), None)
    if main is not None and main.type in ("checkpoint", "diffusion"):
        parts: dict[str, str | None] = {one: named.get(one) for one in COMPONENT_NAMES}
        options = LoadOptions.model_validate(of.load_options)
        body = {"model_name": main.name, "model_type": main.type, **parts, "options": options}
        return LoadRequest.model_validate(body), None
    upscaler = next((file.name for file in files if file.type == "esrgan"), None)
    return None, upscaler


def _explain_no_load(of: ModelSet, request: PullRequest) -> str:
    field = "load" if request.load else "draw"
    if of.makes == "text":
        return f"{field} has no effect: {of.name} is for the provider 'local' (PUT /ollama/settings)"
    return f"{field} has no effect: {of.name} holds nothing that draws by itself"
