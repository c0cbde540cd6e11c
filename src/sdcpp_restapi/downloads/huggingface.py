"""Hugging Face: what its own client library tells of a file."""

import asyncio
import re

import httpx
from pydantic import SecretStr

from ..errors import BadRequest, SdcppError
from ..schemas.downloads import HuggingFaceFile
from .failures import Interrupted, UpstreamFailed, UpstreamMissing, place, refusal
from .names import folder_name

# Seconds for the description of a file.
TIMEOUT = 15.0
SETTING = "downloads.huggingface_token"
_SHA256 = re.compile(r"[0-9a-f]{64}")


class HuggingFace:
    """Asks a Hugging Face hub."""

    def __init__(self, endpoint: str, token: SecretStr | None) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._token = token

    async def look_up(self, repo_id: str, filename: str, revision: str) -> HuggingFaceFile:
        """A file of a repository. Raises BadRequest, UpstreamFailed, UpstreamMissing."""
        folder_name("filename", filename)
        return await asyncio.to_thread(self._look_up, repo_id, filename, revision)

    def _look_up(self, repo_id: str, filename: str, revision: str) -> HuggingFaceFile:
        # Imported here: it takes a third of a second, and most servers never need it.
        from httpx2 import HTTPError
        from huggingface_hub import get_hf_file_metadata, hf_hub_url
        from huggingface_hub.errors import HFValidationError

        try:
            url = hf_hub_url(repo_id, filename, revision=revision, endpoint=self._endpoint)
            # False: never a token that the library finds by itself in files or variables.
            token = self._token.get_secret_value() if self._token else False
            found = get_hf_file_metadata(url, token=token, timeout=TIMEOUT, endpoint=self._endpoint)
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
