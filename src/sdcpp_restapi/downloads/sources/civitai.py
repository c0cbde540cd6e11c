"""CivitAI: what its API tells of a model, https://developer.civitai.com (v1)."""

import re
from collections.abc import Mapping

from pydantic import Field

from ...errors import BadRequest
from ...schemas.base import Frozen
from ...schemas.downloads import CivitaiModel
from ...schemas.model_types import ModelType
from ..failures import UpstreamMissing
from ..http_client import HttpClient

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
    """Asks CivitAI."""

    def __init__(self, web: HttpClient, base: str) -> None:
        self._web = web
        self._api = f"{base.rstrip('/')}/api/v1"

    async def look_up(self, model_id: str, filename: str | None = None) -> CivitaiModel:
        """A model's version, the newest unless one is named, and its main file or the one of this name.

        Raises BadRequest, UpstreamFailed, UpstreamMissing.
        """
        model, version = parse_id(model_id)
        name, found = await (self._named(model, version) if version else self._newest(model))
        file = _chosen(found.files, filename)
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

    async def _newest(self, model: str) -> tuple[_ModelName, _Version]:
        found = await self._web.get_json(f"{self._api}/models/{model}", _Model)
        if not found.versions:
            raise UpstreamMissing(f"CivitAI has no version of model {model}")
        return found, found.versions[0]

    async def _named(self, model: str, version: str) -> tuple[_ModelName, _Version]:
        found = await self._web.get_json(f"{self._api}/model-versions/{version}", _Version)
        if found.model is None or str(found.model_id) != model:
            raise UpstreamMissing(f"On CivitAI, version {version} does not belong to model {model}")
        return found.model, found


def _chosen(files: list[_File], filename: str | None) -> _File | None:
    for file in files:
        if filename is not None and file.name == filename:
            return file
    return next((file for file in files if file.primary), files[0] if files else None)
