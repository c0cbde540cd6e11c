"""A real server in a process of its own, as a user would start it."""

import json
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from tests.support.logged_process import LoggedProcess

FINAL = ("completed", "failed", "cancelled")
_SERVING = re.compile(r"Serving on (https?)://localhost:(\d+) \(events on wss?://localhost:(\d+)")


class RunningServer(LoggedProcess):
    """`sdcpp serve` on free ports, with folders below `root`."""

    def __init__(self, root: Path, *flags: str, env: dict[str, str] | None = None) -> None:
        super().__init__(root, env)
        self.models_dir = root / "models"
        self.output_dir = root / "output"
        self.data_dir = root / "data"
        self.flags = flags
        self.start()

    def start(self) -> None:
        """Start it (again), and wait until it answers; `log` holds the lines of this start only."""
        folders = ("--models-dir", "models", "--output-dir", "output", "--data-dir", "data")
        self.launch("serve", "--port", "0", "--ws-port", "0", *folders, *self.flags)
        try:
            match = self.wait_for_log(_SERVING)
        except BaseException:
            # Nobody will have a server to stop.
            super().stop(signal.SIGKILL)
            raise
        self.port, self.ws_port = int(match[2]), int(match[3])
        self.url = f"{match[1]}://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.url, timeout=60)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; its exit code."""
        self.http.close()
        return super().stop(number)

    def restart(self) -> None:
        """SIGTERM and start again on the same folders."""
        self.stop()
        self.start()

    # -------------------------------------------------------------- shorthands

    def get(self, path: str, **query: Any) -> Any:
        """The JSON answer of a GET that must succeed."""
        answer = self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: object = None, expect: int = 200) -> Any:
        """The JSON answer of a POST that must have this status."""
        answer = self.http.post(path, json=body)
        assert answer.status_code == expect, answer.text
        return answer.json()

    def submit(self, path: str = "/txt2img", **params: Any) -> str:
        """Submit a job; its id."""
        return str(self.post(path, params, expect=202)["job_id"])

    def wait_for_job(self, job_id: str, seconds: float = 60) -> Any:
        """The job once it is in a final state, learned from the WebSocket and not by polling."""
        with self.events(previews=False) as events:
            job = self.get(f"/queue/{job_id}")
            if job["status"] not in FINAL:
                events.wait_for(
                    "job_status_changed",
                    lambda data: data["job_id"] == job_id and data["status"] in FINAL,
                    seconds,
                )
                job = self.get(f"/queue/{job_id}")
        return job

    def make(self, path: str = "/txt2img", **params: Any) -> Any:
        """Submit a job and wait for it; it must complete."""
        job = self.wait_for_job(self.submit(path, **params))
        assert job["status"] == "completed", job
        return job

    @contextmanager
    def events(self, url: str | None = None, *, previews: bool = True) -> Iterator["Events"]:
        """A WebSocket client."""
        address = url or f"ws://127.0.0.1:{self.ws_port}/?previews={str(previews).lower()}"
        # Without max_queue=None, events that a test leaves unread would hold up the closing for 10 seconds.
        with connect(address, max_size=None, max_queue=None) as connection:
            yield Events(connection)


StartServer = Callable[..., RunningServer]
"""The fixture `start_server`: takes flags, and by name another root and the environment."""


def of_job(job_id: str) -> Callable[[dict[str, Any]], bool]:
    """Whether an event is about this job."""
    return lambda data: data["job_id"] == job_id


class Events:
    """What a WebSocket client hears."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.heard: list[dict[str, Any]] = []

    def next(self, seconds: float = 60) -> dict[str, Any]:
        """The next event."""
        message: dict[str, Any] = json.loads(self.connection.recv(timeout=seconds))
        self.heard.append(message)
        return message

    def wait_for(
        self, name: str, where: Callable[[dict[str, Any]], bool] = lambda _data: True, seconds: float = 60
    ) -> dict[str, Any]:
        """The data of the next event with this name that `where` accepts; others are kept in `heard`."""
        while True:
            message = self.next(seconds)
            if message["event"] == name and where(message["data"]):
                data: dict[str, Any] = message["data"]
                return data
