"""The source `civitai`: models of CivitAI, by its API v1 (https://developer.civitai.com)."""

import re
from collections.abc import Mapping
from typing import ClassVar, NamedTuple
from urllib.parse import urlencode

from ...config import Downloads
from ...errors import BadRequest
from ...schemas.addresses import hide_secrets
from ...schemas.downloads import CivitaiModel, DownloadRequest
from ..failures import UpstreamMissing
from ..file_names import join_subfolder, parse_published_name, requested_path
from ..http_client import HttpClient, Token
from .civitai_shapes import ModelPage, PublishedFile, PublishedModel, PublishedName, PublishedVersion
from .source import Origin, PublishedNotes

_ID = re.compile(r"(\d{1,18})(?::(\d{1,18}))?")
# Versions that a message lists.
MOST_NAMED = 5


def parse_id(text: str) -> tuple[str, str | None]:
    """Model and version of `123456` or `123456:789012`. Raises BadRequest."""
    found = _ID.fullmatch(text.strip())
    if found is None:
        raise BadRequest(
            f"model_id: {hide_secrets(text)[:60]!r} is not allowed; it is 123456,"
            " or 123456:789012 with a version"
        )
    return found[1], found[2]


class _Found(NamedTuple):
    model_id: str
    name: PublishedName
    version: PublishedVersion
    file: PublishedFile
    url: str


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
        found = await self._find(request.model_id, request.filename)
        path = requested_path(request)
        if path is None:
            path = join_subfolder(request, parse_published_name("CivitAI", found.file.name))
        # Without the size, which is rounded.
        return Origin(url=found.url, path=path, sha256=found.file.sha256, notes=_notes_of(found))

    async def look_up(self, model_id: str, filename: str | None = None) -> CivitaiModel:
        """A model's version, and its main file or the one of this name. Unless one is named, it is the newest
        that has a model file.

        Raises BadRequest, UpstreamFailed, UpstreamMissing.
        """
        found = await self._find(model_id, filename)
        return CivitaiModel(
            model_id=found.model_id,
            version_id=str(found.version.id),
            name=found.name.name,
            version_name=found.version.name,
            type=found.name.our_type or found.name.type.lower(),
            base_model=found.version.base_model,
            filename=found.file.name,
            file_size=found.file.size,
            sha256=found.file.sha256,
            download_url=found.url,
        )

    async def fetch_model(self, model: str) -> PublishedModel:
        """A model with its versions. Raises UpstreamFailed, UpstreamMissing."""
        return await self._client.get_json(f"{self._api}/models/{model}", PublishedModel)

    async def fetch_version(self, version: str) -> PublishedVersion:
        """A version, which names its model. Raises UpstreamFailed, UpstreamMissing."""
        return await self._client.get_json(f"{self._api}/model-versions/{version}", PublishedVersion)

    async def find_by_hash(self, sha256: str) -> PublishedVersion:
        """The version that has a file with this hash
        (https://developer.civitai.com/site/reference/model-versions). Raises as fetch_version does."""
        return await self._client.get_json(f"{self._api}/model-versions/by-hash/{sha256}", PublishedVersion)

    async def list_models(self, query: Mapping[str, str | list[str]]) -> ModelPage:
        """A page of the models that a query finds. Raises UpstreamFailed."""
        return await self._client.get_json(f"{self._api}/models?{urlencode(query, doseq=True)}", ModelPage)

    async def _find(self, model_id: str, filename: str | None) -> _Found:
        model, wanted = parse_id(model_id)
        name, version = await (self._find_version(model, wanted) if wanted else self._find_newest(model))
        file = _choose_file(version, filename)
        url = version.find_address(file)
        if file is None or url is None:
            raise UpstreamMissing(
                f"CivitAI has no file to download for model {model}: {version.describe()} has none"
            )
        return _Found(model, name, version, file, url)

    async def _find_newest(self, model: str) -> tuple[PublishedName, PublishedVersion]:
        found = await self.fetch_model(model)
        if not found.versions:
            raise UpstreamMissing(f"CivitAI has no version of model {model}")
        newest = found.find_newest()
        if newest is not None:
            return found, newest
        listed = ", ".join(version.describe() for version in found.versions[:MOST_NAMED])
        raise UpstreamMissing(f"CivitAI has no file to download for model {model}: neither for {listed}")

    async def _find_version(self, model: str, version: str) -> tuple[PublishedName, PublishedVersion]:
        found = await self.fetch_version(version)
        if found.model_id is not None and str(found.model_id) != model:
            raise UpstreamMissing(f"On CivitAI, version {version} does not belong to model {model}")
        return found.model or PublishedName(), found


def _notes_of(found: _Found) -> PublishedNotes:
    """The version as CivitAI answers it at its own address, whichever of both was asked."""
    name, version = found.name, found.version
    model = {"name": name.name, "type": name.type, "nsfw": name.nsfw}
    return PublishedNotes(
        document={"modelId": int(found.model_id), "model": model, **version.raw},
        trigger_words=tuple(version.trained_words),
        base_model=version.base_model,
        picture=version.find_picture(),
    )


def _choose_file(version: PublishedVersion, filename: str | None) -> PublishedFile | None:
    """The one of this name, or else the main one."""
    named = (file for file in version.files if filename is not None and file.name == filename)
    return next(named, version.main_file)
