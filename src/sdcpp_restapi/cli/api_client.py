"""A running server, seen from a client."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

import httpx
from pydantic import BaseModel, ValidationError
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from ..errors import SdcppError
from ..schemas.conversion import ConvertAccepted
from ..schemas.downloads import DownloadAccepted, ModelHash
from ..schemas.generation import Accepted
from ..schemas.inspection import Inspection
from ..schemas.jobs import JobView, QueueView
from ..schemas.models import Done, Health, LoadResponse, ModelList
from ..schemas.trash import Deleted, Restored
from ..schemas.upscaling import UpscalerLoadResponse
from ..schemas.workers import WorkerList
from .command_name import command_name
from .exit_codes import exit_on_errors

LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Reading a large model from a slow disk takes minutes, and the answer comes at its end.
LOAD_SECONDS = 3600.0
SILENCE_SECONDS = 5.0
# Thousands of folders on a slow disk.
DELETE_SECONDS = 600.0


class ServerUnreachable(SdcppError):
    """No server answers"""


class ServerRefused(SdcppError):
    """The server refused the request"""


class Server:
    """One server; every method raises ServerUnreachable or ServerRefused with a sentence."""

    def __init__(self, url: str, api_key: str | None = None) -> None:
        self.url = (url if "://" in url else f"http://{url}").rstrip("/")
        self._headers = {"X-API-Key": api_key} if api_key else {}
        # A proxy does not know this machine's own servers.
        self._local = urlsplit(self.url).hostname in LOOPBACK
        self._http = httpx.Client(headers=self._headers, timeout=30.0, trust_env=not self._local)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def health(self, seconds: float = 30.0) -> Health:
        """What is loaded."""
        return self._ask(Health, "GET", "/health", None, seconds)

    def load(self, request: dict[str, Any]) -> LoadResponse:
        """Load a model; returns when it is in memory."""
        return self._ask(LoadResponse, "POST", "/models/load", request, LOAD_SECONDS)

    def load_upscaler(self, request: dict[str, Any]) -> UpscalerLoadResponse:
        """Make an upscaler the current one."""
        return self._ask(UpscalerLoadResponse, "POST", "/upscaler/load", request, LOAD_SECONDS)

    def unload(self) -> str:
        """Free the loaded model; what the server says to it."""
        return self._ask(Done, "POST", "/models/unload", None, LOAD_SECONDS).message

    def models(self, **filters: str) -> ModelList:
        """The models on disk that pass the filters: type, extension, search."""
        return self._ask(ModelList, "GET", f"/models?{urlencode(filters)}")

    def inspection(self, kind: str, name: str) -> Inspection:
        """What a model file is and needs."""
        return self._ask(Inspection, "GET", f"/models/inspect/{quote(kind)}/{quote(name)}")

    def model_hash(self, kind: str, name: str) -> str:
        """The SHA-256 of a model; returns when the file was read."""
        path = f"/models/hash/{quote(kind)}/{quote(name)}"
        return self._ask(ModelHash, "GET", path, None, LOAD_SECONDS).hash

    def download(self, request: dict[str, Any]) -> DownloadAccepted:
        """Submit a download and its hash job."""
        return self._ask(DownloadAccepted, "POST", "/models/download", request)

    def convert(self, request: dict[str, Any]) -> ConvertAccepted:
        """Submit a conversion."""
        return self._ask(ConvertAccepted, "POST", "/convert", request)

    def submit(self, request: dict[str, Any]) -> Accepted:
        """Submit a text to image job."""
        return self._ask(Accepted, "POST", "/txt2img", request)

    def job(self, job_id: str) -> JobView:
        """How a job is."""
        return self._ask(JobView, "GET", f"/queue/{quote(job_id)}")

    def cancel(self, job_id: str) -> None:
        """Cancel a job."""
        self._ask(Done, "DELETE", f"/queue/{quote(job_id)}")

    def queue(self, query: dict[str, Any]) -> QueueView:
        """A page of jobs, by the query of GET /queue."""
        return self._ask(QueueView, "GET", f"/queue?{urlencode(query)}")

    def delete(self, job_ids: list[str], purge: bool = False) -> Deleted:
        """Put finished jobs into the trash, or delete them for good."""
        body = {"job_ids": job_ids, "purge": purge}
        return self._ask(Deleted, "DELETE", "/queue/jobs", body, DELETE_SECONDS)

    def restore(self, job_ids: list[str]) -> Restored:
        """Get jobs back from the trash."""
        return self._ask(Restored, "POST", "/queue/restore", {"job_ids": job_ids}, DELETE_SECONDS)

    def workers(self) -> WorkerList:
        """The machines that take jobs off its queue."""
        return self._ask(WorkerList, "GET", "/workers")

    def output_url(self, path: str) -> str:
        """Where an output of a job is."""
        return f"{self.url}/output/{quote(path)}"

    def output(self, path: str) -> bytes:
        """An output of a job."""
        return self._send("GET", f"/output/{quote(path)}", None, 300.0).content

    @contextmanager
    def events(self) -> Iterator["Events"]:
        """What happens, from now on."""
        events = Events("ws" + self.url.removeprefix("http") + "/ws", self._headers, self._local)
        try:
            yield events
        finally:
            events.close()

    def _ask[Answer: BaseModel](
        self, shape: type[Answer], method: str, path: str, body: object = None, seconds: float = 30.0
    ) -> Answer:
        answer = self._send(method, path, body, seconds)
        try:
            return shape.model_validate_json(answer.content)
        except ValidationError:
            raise ServerRefused(f"What answers at {self.url} is not an SDCPP-RESTAPI server") from None

    def _send(self, method: str, path: str, body: object, seconds: float) -> httpx.Response:
        try:
            answer = self._http.request(
                method, self.url + path, json=body, timeout=httpx.Timeout(seconds, connect=10.0)
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServerUnreachable(
                f"No server answers at {self.url} ({error}); start one with '{command_name()} serve' or name"
                " another with --server"
            ) from None
        if answer.is_error:
            raise ServerRefused(_explain(answer))
        return answer


@contextmanager
def connected(url: str, api_key: str | None) -> Iterator[Server]:
    """A server for the block; what goes wrong there ends the command with a sentence."""
    with exit_on_errors(), Server(url, api_key) as server:
        yield server


class Events:
    """The WebSocket. Where it cannot be had or breaks, silence: a client asks for the job then."""

    def __init__(self, url: str, headers: dict[str, str], local: bool) -> None:
        self._url = url
        self._headers = headers
        self._local = local
        self._connection: ClientConnection | None = None
        with suppress(OSError, WebSocketException):
            self._connection = self._connect()

    def next(self) -> dict[str, Any] | None:
        """The next message, or None when there was none for some seconds."""
        if self._connection is None:
            time.sleep(1.0)
            return None
        try:
            message: dict[str, Any] = json.loads(self._connection.recv(timeout=SILENCE_SECONDS))
            return message
        except TimeoutError:
            return None
        except WebSocketException:
            self._connection = None
            return None

    def close(self) -> None:
        """Leave."""
        if self._connection is not None:
            self._connection.close()

    def _connect(self) -> ClientConnection:
        return connect(
            self._url,
            additional_headers=self._headers,
            compression=None,
            max_size=None,
            proxy=None if self._local else True,
        )


def _explain(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"]).removeprefix("Internal error: ")
    except (ValueError, KeyError, TypeError):
        return f"{answer.request.url} answered {answer.status_code} {answer.reason_phrase}"
