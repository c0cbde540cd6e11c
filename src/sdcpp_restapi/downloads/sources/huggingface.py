"""The source `huggingface`: files of repositories on a Hugging Face hub."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from ...config import Downloads
from ...schemas.downloads import DownloadRequest, HuggingFaceFile
from ..file_names import parse_folder, requested_path
from ..http_client import HttpClient, Token
from .huggingface_shapes import Repository, RepositoryList
from .source import Origin

if TYPE_CHECKING:
    from .huggingface_client import HubClient

TOKEN_SETTING = "downloads.huggingface_token"


class HuggingFace:
    """Hugging Face, or another hub with its API (setting `downloads.huggingface_url`)."""

    name: ClassVar[str] = "huggingface"
    required_fields: ClassVar[tuple[str, ...]] = ("repo_id", "filename")
    usage: ClassVar[str] = "repo_id with filename (Hugging Face)"
    argument_forms: ClassVar[tuple[str, ...]] = ("hf:ORG/NAME/FILE",)

    def __init__(self, client: HttpClient, settings: Downloads) -> None:
        self._client = client
        self._endpoint = settings.huggingface_url.rstrip("/")
        self._connecting = asyncio.Lock()
        self._hub: HubClient | None = None

    @staticmethod
    def create_token(settings: Downloads) -> Token | None:
        """The user's access token."""
        return Token(settings.huggingface_url, settings.huggingface_token, setting=TOKEN_SETTING)

    @staticmethod
    def parse_argument(text: str) -> dict[str, str] | None:
        """Takes `hf:` followed by repository and file."""
        scheme, _, rest = text.partition(":")
        if scheme != "hf" or rest.count("/") < 2:
            return None
        owner, name, filename = rest.split("/", 2)
        return {"repo_id": f"{owner}/{name}", "filename": filename}

    async def check(self, request: DownloadRequest) -> None:
        """Nothing: whether a `repo_id` is allowed is known to the library, which find_origin asks."""

    async def find_origin(self, request: DownloadRequest) -> Origin:
        """The file that look_up finds, under its path in the repository. See Source."""
        assert request.repo_id is not None
        assert request.filename is not None
        found = await self.look_up(request.repo_id, request.filename, request.revision)
        return Origin(
            url=found.download_url,
            path=requested_path(request),
            sha256=found.sha256,
            size=found.file_size,
        )

    async def look_up(self, repo_id: str, filename: str, revision: str) -> HuggingFaceFile:
        """A file of a repository. Raises BadRequest, UpstreamFailed, UpstreamMissing."""
        parse_folder("filename", filename)
        async with self._connecting:
            if self._hub is None:
                self._hub = await asyncio.to_thread(self._connect, asyncio.get_running_loop())
        return await asyncio.to_thread(self._hub.look_up, repo_id, filename, revision)

    def address_of(self, repo_id: str, filename: str, revision: str) -> str:
        """Where a file of a repository is downloaded."""
        return f"{self._endpoint}/{repo_id}/resolve/{quote(revision, safe='')}/{quote(filename)}"

    async def fetch_repository(self, repo_id: str, revision: str) -> Repository:
        """A repository with its files, their sizes and hashes. Raises UpstreamFailed, UpstreamMissing."""
        where = f"{self._endpoint}/api/models/{repo_id}/revision/{quote(revision, safe='')}"
        return await self._client.get_json(f"{where}?blobs=true", Repository)

    async def list_repositories(
        self, query: Mapping[str, str | list[str]]
    ) -> tuple[list[Repository], str | None]:
        """A page of what a query finds, and the cursor of the next page. Raises UpstreamFailed.

        The hub has it in the header Link (https://huggingface.co/docs/hub/api).
        """
        found, following = await self._client.get_json_page(
            f"{self._endpoint}/api/models?{urlencode(query, doseq=True)}", RepositoryList
        )
        cursor = parse_qs(urlsplit(following or "").query).get("cursor", [None])[0]
        return found.root, cursor

    def _connect(self, loop: asyncio.AbstractEventLoop) -> "HubClient":
        # Imported here: it takes a third of a second, and most servers never need it.
        from .huggingface_client import HubClient

        return HubClient(self._endpoint, client=self._client, loop=loop, token_setting=TOKEN_SETTING)
