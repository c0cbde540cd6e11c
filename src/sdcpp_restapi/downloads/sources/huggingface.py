"""Hugging Face: what its own client library tells of a file."""

import asyncio
import re

import httpx

from ...errors import BadRequest, SdcppError
from ...schemas.downloads import HuggingFaceFile
from ..failures import Interrupted, UpstreamFailed, UpstreamMissing, place, refusal
from ..file_names import folder_name
from ..http_client import HttpClient

SETTING = "downloads.huggingface_token"
_SHA256 = re.compile(r"[0-9a-f]{64}")


class HuggingFace:
    """Asks a Hugging Face hub."""

    def __init__(self, web: HttpClient, endpoint: str) -> None:
        self._web = web
        self._endpoint = endpoint.rstrip("/")
        self._preparing = asyncio.Lock()
        self._prepared = False

    async def look_up(self, repo_id: str, filename: str, revision: str) -> HuggingFaceFile:
        """A file of a repository. Raises BadRequest, UpstreamFailed, UpstreamMissing."""
        folder_name("filename", filename)
        async with self._preparing:
            if not self._prepared:
                await asyncio.to_thread(self._prepare, asyncio.get_running_loop())
                self._prepared = True
        return await asyncio.to_thread(self._look_up, repo_id, filename, revision)

    def _prepare(self, loop: asyncio.AbstractEventLoop) -> None:
        # Imported here: it takes a third of a second, and most servers never need it.
        from .huggingface_client import use_for_library

        use_for_library(self._web, loop)

    def _look_up(self, repo_id: str, filename: str, revision: str) -> HuggingFaceFile:
        from httpx2 import HTTPError
        from huggingface_hub import get_hf_file_metadata, hf_hub_url
        from huggingface_hub.errors import HFValidationError

        try:
            url = hf_hub_url(repo_id, filename, revision=revision, endpoint=self._endpoint)
            # The token is a matter of Web; False: never one that the library finds in files or variables.
            found = get_hf_file_metadata(url, token=False, endpoint=self._endpoint)
        except HFValidationError as error:
            raise BadRequest(f"repo_id: {repo_id!r} is not allowed: {error}") from None
        except (HTTPError, OSError) as error:
            raise self._failure(error, repo_id, filename, revision) from None
        sha256 = found.etag if found.etag and _SHA256.fullmatch(found.etag) else None
        return HuggingFaceFile(
            repo_id=repo_id,
            filename=filename,
            revision=revision,
            file_size=found.size,
            sha256=sha256,
            download_url=url,
        )

    def _failure(self, error: Exception, repo_id: str, filename: str, revision: str) -> SdcppError:
        from huggingface_hub import errors

        host = place(httpx.URL(self._endpoint))
        match error:
            case errors.GatedRepoError():
                return UpstreamFailed(
                    f"{repo_id} is gated: accept its terms on {host}, and set {SETTING} to a token of yours"
                )
            case errors.RepositoryNotFoundError():
                return UpstreamMissing(f"{host} has no repository {repo_id}, or it needs a token ({SETTING})")
            case errors.RevisionNotFoundError():
                return UpstreamMissing(f"{repo_id} has no revision {revision}")
            case errors.EntryNotFoundError():
                return UpstreamMissing(f"{repo_id} has no file {filename} in revision {revision}")
            case errors.HfHubHTTPError():
                headers = httpx.Headers(list(error.response.headers.items()))
                return refusal(error.response.status_code, host, headers, SETTING)
        return Interrupted(f"{host} cannot be reached: {str(error) or type(error).__name__}")
