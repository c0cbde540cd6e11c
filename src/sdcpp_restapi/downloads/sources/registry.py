"""Where a request's model comes from: which source is meant, and which file of it."""

from dataclasses import dataclass
from pathlib import PurePosixPath

import httpx

from ...errors import BadRequest
from ...schemas.downloads import DownloadRequest, Source
from .. import file_names
from ..failures import place
from ..http_client import parsed
from . import civitai
from .civitai import Civitai
from .huggingface import HuggingFace

# What says that a source is meant; the first that it cannot do without.
NEEDED: dict[Source, tuple[str, ...]] = {
    "civitai": ("model_id",),
    "huggingface": ("repo_id", "filename"),
    "url": ("url",),
}


@dataclass(frozen=True)
class Origin:
    """One file to fetch."""

    url: str
    name: PurePosixPath | None = None  # below the type's folder; None: the server that sends it will tell
    sha256: str | None = None
    size: int | None = None


def checked(request: DownloadRequest) -> tuple[DownloadRequest, list[str]]:
    """The request with its source, and what of it has no effect. Raises BadRequest naming fields."""
    source = request.source or _detected(request)
    for field in NEEDED[source]:
        if not getattr(request, field):
            raise BadRequest(f"{field} is required for source {source}")
    others = {NEEDED[other][0] for other in NEEDED if other != source}
    ignored = sorted(field for field in others if getattr(request, field))
    request = request.model_copy(update={"source": source, **dict.fromkeys(ignored)})
    _check_names(request)
    return request, [f"{field} has no effect with source {source}" for field in ignored]


def _detected(request: DownloadRequest) -> Source:
    found = [source for source, needed in NEEDED.items() if getattr(request, needed[0])]
    if not found:
        raise BadRequest("One of model_id (CivitAI), repo_id with filename (Hugging Face) or url is required")
    if len(found) > 1:
        given = " and ".join(NEEDED[source][0] for source in found)
        raise BadRequest(f"{given} contradict each other; say which is meant with source")
    return found[0]


def _check_names(request: DownloadRequest) -> None:
    if request.subfolder:
        file_names.folder_name("subfolder", request.subfolder.rstrip("/"))
    if request.filename:
        file_names.model_name("filename", request.filename)
    match request.source:
        case "civitai":
            civitai.parse_id(request.model_id or "")
        case "url":
            parsed(request.url or "")


class Sources:
    """Turns a checked request into the file that it means."""

    def __init__(self, civitai: Civitai, huggingface: HuggingFace) -> None:
        self.civitai = civitai
        self.huggingface = huggingface

    async def origin(self, request: DownloadRequest) -> Origin:
        """Ask the source. Raises UpstreamFailed, UpstreamMissing, BadRequest."""
        match request.source:
            case "civitai":
                return await self._of_civitai(request)
            case "huggingface":
                return await self._of_huggingface(request)
        assert request.url is not None
        return Origin(request.url, wanted_name(request))

    async def _of_civitai(self, request: DownloadRequest) -> Origin:
        assert request.model_id is not None
        found = await self.civitai.look_up(request.model_id, request.filename)
        name = wanted_name(request) or below(request, file_names.published_name("CivitAI", found.filename))
        return Origin(found.download_url, name, found.sha256)  # its size is rounded

    async def _of_huggingface(self, request: DownloadRequest) -> Origin:
        assert request.repo_id is not None
        assert request.filename is not None
        found = await self.huggingface.look_up(request.repo_id, request.filename, request.revision)
        return Origin(found.download_url, wanted_name(request), found.sha256, found.file_size)


def wanted_name(request: DownloadRequest) -> PurePosixPath | None:
    """The name that the request gives, below the type's folder."""
    return below(request, PurePosixPath(request.filename)) if request.filename else None


def below(request: DownloadRequest, name: PurePosixPath) -> PurePosixPath:
    """A name in the subfolder that the request asks for."""
    return PurePosixPath(request.subfolder.rstrip("/"), name) if request.subfolder else name


def name_sent(request: DownloadRequest, response: httpx.Response) -> PurePosixPath:
    """The name that an answer gives its file. Raises BadRequest when it is not a model's."""
    host = place(response.request.url)
    return below(request, file_names.published_name(host, file_names.name_in(response)))
