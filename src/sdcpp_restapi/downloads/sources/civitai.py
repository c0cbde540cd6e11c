"""The source `civitai`: models of CivitAI, by its API v1 (https://developer.civitai.com)."""

import re
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from ...config import Downloads
from ...errors import BadRequest
from ...schemas.base import Frozen
from ...schemas.downloads import CivitaiModel, DownloadRequest
from ...schemas.model_types import ModelType
from ..failures import UpstreamMissing
from ..file_names import join_subfolder, parse_published_name, requested_path
from ..http_client import HttpClient, Token
from .source import Origin

_ID = re.compile(r"(\d{1,18})(?::(\d{1,18}))?")
_TYPES: Mapping[str, ModelType] = {
    "checkpoint": "checkpoint",
    "lora": "lora",
    "locon": "lora",
    "dora": "lora",
    "textualinversion": "embedding",
    "vae": "vae",
    "controlnet": "controlnet",
    "upscaler": "esrgan",
}


class _File(Frozen):
    name: str
    size_kb: float | None = Field(None, alias="sizeKB")
    primary: bool = False
    hashes: dict[str, str] = {}
    download_url: str | None = Field(None, alias="downloadUrl")

    @property
    def sha256(self) -> str | None:
        return self.hashes.get("SHA256")


class _ModelName(Frozen):
    name: str
    type: str


class _Version(Frozen):
    id: int
    model_id: int | None = Field(None, alias="modelId")
    name: str
    base_model: str | None = Field(None, alias="baseModel")
    files: list[_File] = []
    download_url: str | None = Field(None, alias="downloadUrl")
    model: _ModelName | None = None


class _Model(_ModelName):
    id: int
    versions: list[_Version] = Field([], alias="modelVersions")


def parse_id(text: str) -> tuple[str, str | None]:
    """Model and version of `123456` or `123456:789012`. Raises BadRequest."""
    found = _ID.fullmatch(text.strip())
    if found is None:
        raise BadRequest(
            f"model_id: {text[:60]!r} is not allowed; it is 123456, or 123456:789012 with a version"
        )
    return found[1], found[2]


class Civitai:
    """CivitAI, or another server with its API (setting `downloads.civitai_url`)."""

    name: ClassVar[str] = "civitai"
    required_fields: ClassVar[tuple[str, ...]] = ("model_id",)
    usage: ClassVar[str] = "model_id (CivitAI)"
    argument_forms: ClassVar[tuple[str, ...]] = ("civitai:ID", "civitai:ID:VERSION")

    def __init__(self, client: HttpClient, settings: Downloads) -> None:
        self._client = client
        self._api = f"{settings.civitai_url.rstrip('/')}/api/v1"

    @staticmethod
    def create_token(settings: Downloads) -> Token | None:
        """The user's API key."""
        return Token(settings.civitai_url, settings.civitai_token, setting="downloads.civitai_token")

    @staticmethod
    def parse_argument(text: str) -> dict[str, str] | None:
        """Takes `civitai:` followed by what `model_id` takes."""
        scheme, _, model_id = text.partition(":")
        return {"model_id": model_id} if scheme == "civitai" and model_id else None

    async def check(self, request: DownloadRequest) -> None:
        """Raises BadRequest for a `model_id` that is none."""
        parse_id(request.model_id or "")

    async def find_origin(self, request: DownloadRequest) -> Origin:
        """The file that look_up finds, under the requested name or else its own. See Source."""
        assert request.model_id is not None
        found = await self.look_up(request.model_id, request.filename)
        path = requested_path(request)
        if path is None:
            path = join_subfolder(request, parse_published_name("CivitAI", found.filename))
        # Without found.file_size, which is rounded.
        return Origin(url=found.download_url, path=path, sha256=found.sha256)

    async def look_up(self, model_id: str, filename: str | None = None) -> CivitaiModel:
        """A model's version, the newest unless one is named, and its main file or the one of this name.

        Raises BadRequest, UpstreamFailed, UpstreamMissing.
        """
        model, version = parse_id(model_id)
        name, found = await (self._fetch_version(model, version) if version else self._fetch_newest(model))
        file = _choose_file(found.files, filename)
        url = (file and file.download_url) or found.download_url
        if file is None or url is None:
            raise UpstreamMissing(f"CivitAI has no file to download for model {model_id}")
        return CivitaiModel(
            model_id=model,
            version_id=str(found.id),
            name=name.name,
            version_name=found.name,
            type=_TYPES.get(name.type.lower(), name.type.lower()),
            base_model=found.base_model,
            filename=file.name,
            file_size=round(file.size_kb * 1024) if file.size_kb is not None else None,
            sha256=file.sha256.lower() if file.sha256 else None,
            download_url=url,
        )

    async def _fetch_newest(self, model: str) -> tuple[_ModelName, _Version]:
        found = await self._client.get_json(f"{self._api}/models/{model}", _Model)
        if not found.versions:
            raise UpstreamMissing(f"CivitAI has no version of model {model}")
        return found, found.versions[0]

    async def _fetch_version(self, model: str, version: str) -> tuple[_ModelName, _Version]:
        found = await self._client.get_json(f"{self._api}/model-versions/{version}", _Version)
        if found.model is None or str(found.model_id) != model:
            raise UpstreamMissing(f"On CivitAI, version {version} does not belong to model {model}")
        return found.model, found


def _choose_file(files: list[_File], filename: str | None) -> _File | None:
    for file in files:
        if filename is not None and file.name == filename:
            return file
    return next((file for file in files if file.primary), files[0] if files else None)
