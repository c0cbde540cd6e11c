"""The source `civitai`: models of CivitAI, by its API v1 (https://developer.civitai.com)."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from ...config import Downloads
from ...errors import BadRequest
from ...schemas.addresses import hide_secrets
from ...schemas.base import Frozen
from ...schemas.downloads import CivitaiModel, DownloadRequest
from ...schemas.model_types import EXTENSIONS, ModelType
from ..failures import UpstreamMissing
from ..file_names import join_subfolder, parse_published_name, requested_path
from ..http_client import HttpClient, Token
from .source import Origin

_ID = re.compile(r"(\d{1,18})(?::(\d{1,18}))?")
# Versions that a message lists.
MOST_NAMED = 5
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


class _Described(Frozen):
    """What is null counts as absent."""

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, content: object) -> object:
        if not isinstance(content, dict):
            return content
        return {key: value for key, value in content.items() if value is not None}


def _drop_odd[D: _Described](shape: type[D]) -> BeforeValidator:
    """A list without the entries that are none: one that is odd must not spoil the others."""

    def keep(content: object) -> object:
        return (
            [one for entry in content for one in _parse(shape, entry)]
            if isinstance(content, list)
            else content
        )

    return BeforeValidator(keep)


def _parse[D: _Described](shape: type[D], content: object) -> list[D]:
    try:
        return [shape.model_validate(content)]
    except ValidationError:
        return []


def _keep_texts(content: object) -> object:
    if not isinstance(content, dict):
        return {}
    return {key: text for key, text in content.items() if isinstance(text, str)}


class _File(_Described):
    name: str
    type: str = ""
    size_kb: float | None = Field(None, alias="sizeKB")
    primary: bool = False
    hashes: Annotated[dict[str, str], BeforeValidator(_keep_texts)] = {}
    download_url: str | None = Field(None, alias="downloadUrl")

    @property
    def sha256(self) -> str | None:
        return self.hashes.get("SHA256")

    @property
    def is_model(self) -> bool:
        return PurePosixPath(self.name.lower()).suffix in EXTENSIONS


class _ModelName(_Described):
    name: str = ""
    type: str = ""


class _Version(_Described):
    id: int
    model_id: int | None = Field(None, alias="modelId")
    name: str = ""
    base_model: str | None = Field(None, alias="baseModel")
    files: Annotated[list[_File], _drop_odd(_File)] = []
    download_url: str | None = Field(None, alias="downloadUrl")
    model: _ModelName | None = None
    status: str = ""
    availability: str = ""

    @property
    def main_file(self) -> _File | None:
        """A model before all else, one that can be downloaded before one that can't."""
        return max(self.files, key=self._rank, default=None)

    def _rank(self, file: _File) -> tuple[bool, bool, bool, bool]:
        can_be_had = self.find_address(file) is not None
        return file.is_model, can_be_had, file.primary, file.type.lower() in ("model", "pruned model")

    def find_address(self, file: _File | None) -> str | None:
        """Where a file of this version is downloaded; None if there is none, or it has no address."""
        return ((file.download_url or self.download_url) if file else None) or None

    def describe(self) -> str:
        """Name, and why it may have no files."""
        reasons = [
            reason
            for field, value, reason in (
                (self.availability, "earlyaccess", "early access"),
                (self.status, "draft", "a draft"),
            )
            if field.lower() == value
        ]
        return f"version {self.id} ({', '.join([*filter(None, [self.name]), *reasons]) or 'no name'})"


class _Model(_ModelName):
    versions: Annotated[list[_Version], _drop_odd(_Version)] = Field([], alias="modelVersions")


def parse_id(text: str) -> tuple[str, str | None]:
    """Model and version of `123456` or `123456:789012`. Raises BadRequest."""
    found = _ID.fullmatch(text.strip())
    if found is None:
        raise BadRequest(
            f"model_id: {hide_secrets(text)[:60]!r} is not allowed; it is 123456,"
            " or 123456:789012 with a version"
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
        """A model's version, and its main file or the one of this name. Unless one is named, it is the newest
        that has a model file.

        Raises BadRequest, UpstreamFailed, UpstreamMissing.
        """
        model, version = parse_id(model_id)
        name, found = await (self._fetch_version(model, version) if version else self._fetch_newest(model))
        file = _choose_file(found, filename)
        url = found.find_address(file)
        if file is None or url is None:
            raise UpstreamMissing(
                f"CivitAI has no file to download for model {model}: {found.describe()} has none"
            )
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
        # What is in early access, or a draft, is listed first and has no files yet, or none with an address.
        for usable in (_has_model, lambda one: one.find_address(one.main_file) is not None):
            newest = next(filter(usable, found.versions), None)
            if newest is not None:
                return found, newest
        listed = ", ".join(version.describe() for version in found.versions[:MOST_NAMED])
        raise UpstreamMissing(f"CivitAI has no file to download for model {model}: neither for {listed}")

    async def _fetch_version(self, model: str, version: str) -> tuple[_ModelName, _Version]:
        found = await self._client.get_json(f"{self._api}/model-versions/{version}", _Version)
        if found.model_id is not None and str(found.model_id) != model:
            raise UpstreamMissing(f"On CivitAI, version {version} does not belong to model {model}")
        return found.model or _ModelName(), found


def _choose_file(version: _Version, filename: str | None) -> _File | None:
    """The one of this name, or else the main one."""
    named = (file for file in version.files if filename is not None and file.name == filename)
    return next(named, version.main_file)


def _has_model(version: _Version) -> bool:
    """Whether there is a model file that can be downloaded."""
    file = version.main_file
    return file is not None and file.is_model and version.find_address(file) is not None
