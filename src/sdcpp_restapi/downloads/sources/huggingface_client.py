"""Hugging Face's own library, slow to import: it knows addresses and headers of a hub, our client asks."""

import asyncio
import re

import httpx
import httpx2
import huggingface_hub
from huggingface_hub import errors

from ...errors import BadRequest, SdcppError
from ...schemas.downloads import HuggingFaceFile
from ..failures import TransferInterrupted, UpstreamFailed, UpstreamMissing, failure_of, host_of
from ..http_client import HttpClient

_SHA256 = re.compile(r"[0-9a-f]{64}")


class HubClient:
    """Asks one hub; its methods block and are called in threads other than the event loop's."""

    def __init__(
        self, endpoint: str, *, client: HttpClient, loop: asyncio.AbstractEventLoop, token_setting: str
    ) -> None:
        """`token_setting` is named where a token may be missing. From now on the library, a process-wide
        thing, sends all its requests by `client` in `loop`."""
        self._endpoint = endpoint
        self._host = host_of(httpx.URL(endpoint))
        self._token_setting = token_setting
        huggingface_hub.set_client_factory(lambda: httpx2.Client(transport=_ClientTransport(client, loop)))

    def look_up(self, repo_id: str, filename: str, revision: str) -> HuggingFaceFile:
        """A file of a repository. Raises BadRequest, UpstreamFailed, UpstreamMissing."""
        try:
            url = huggingface_hub.hf_hub_url(repo_id, filename, revision=revision, endpoint=self._endpoint)
            # HttpClient adds our token; False: never one that the library finds in files or variables.
            found = huggingface_hub.get_hf_file_metadata(url, token=False, endpoint=self._endpoint)
        except errors.HFValidationError as error:
            raise BadRequest(f"repo_id: {repo_id!r} is not allowed: {error}") from None
        except (httpx2.HTTPError, OSError) as error:
            raise self._failure_of(error, repo_id, filename, revision) from None
        return HuggingFaceFile(
            repo_id=repo_id,
            filename=filename,
            revision=revision,
            file_size=found.size,
            sha256=found.etag if found.etag and _SHA256.fullmatch(found.etag) else None,
            download_url=url,
        )

    def _failure_of(self, error: Exception, repo_id: str, filename: str, revision: str) -> SdcppError:
        host, setting = self._host, self._token_setting
        match error:
            case errors.GatedRepoError():
                return UpstreamFailed(
                    f"{repo_id} is gated: accept its terms on {host}, and set {setting} to a token of yours"
                )
            case errors.RepositoryNotFoundError():
                return UpstreamMissing(f"{host} has no repository {repo_id}, or it needs a token ({setting})")
            case errors.RevisionNotFoundError():
                return UpstreamMissing(f"{repo_id} has no revision {revision}")
            case errors.EntryNotFoundError():
                return UpstreamMissing(f"{repo_id} has no file {filename} in revision {revision}")
            case errors.HfHubHTTPError():
                headers = httpx.Headers(list(error.response.headers.items()))
                return failure_of(error.response.status_code, host, headers, setting)
        return TransferInterrupted(f"{host} cannot be reached: {str(error) or type(error).__name__}")


class _ClientTransport(httpx2.BaseTransport):
    """Only what the description of a file takes: requests without a body, answers without their body."""

    def __init__(self, client: HttpClient, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._loop = loop

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Ask by the client, whose failures pass through the library as they are."""
        assert request.method == "HEAD"
        asking = self._client.head(str(request.url), {"User-Agent": request.headers["User-Agent"]})
        answer = asyncio.run_coroutine_threadsafe(asking, self._loop).result()
        return httpx2.Response(answer.status_code, headers=answer.headers.raw, request=request)
