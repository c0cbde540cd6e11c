"""Jobs that come and go all the time beside what a test does: made, deleted, brought back, purged."""

import threading
from typing import Any, Self

import httpx

from tests.support.running_server import RunningServer
from tests.support.scripted_engine import SHORT


class JobTraffic:
    """A client that never rests during the block.

    `places` tells where each completed job must be: queue, trash or gone. What became of a request without an
    answer nobody knows: its jobs are not in `places`. `refused` are the statuses of answers that were errors.
    """

    def __init__(self, server: RunningServer, headers: dict[str, str] | None = None) -> None:
        self.rounds = 0
        self.has_lost_server = False
        self.places: dict[str, str] = {}
        self.refused: list[int] = []
        self._ending = threading.Event()
        self._changed = threading.Condition()
        self._http = httpx.Client(base_url=server.url, headers=headers, timeout=60)
        self._thread = threading.Thread(target=self._work)

    def _work(self) -> None:
        while not self._ending.is_set():
            try:
                self._one_round()
            except httpx.HTTPStatusError as error:
                self.refused.append(error.response.status_code)
            except httpx.TransportError:
                self.has_lost_server = True
            with self._changed:
                self.rounds += 1
                self._changed.notify_all()
            if self.has_lost_server:
                return

    def _one_round(self) -> None:
        ids = [self._make() for _ in range(4)]
        self._move(ids[:3], "trash", "DELETE", "/queue/jobs")
        self._move(ids[:1], "gone", "DELETE", "/queue/jobs", purge=True)
        self._move(ids[1:2], "queue", "POST", "/queue/restore")

    def _make(self) -> str:
        answer = self._http.post("/txt2img", params={"wait": 30}, json=SHORT).raise_for_status()
        job: dict[str, Any] = answer.json()
        assert job["status"] == "completed", job
        self.places[job["job_id"]] = "queue"
        return str(job["job_id"])

    def _move(self, ids: list[str], place: str, method: str, path: str, **more: object) -> None:
        for job_id in ids:
            del self.places[job_id]
        self._http.request(method, path, json={"job_ids": ids, **more}).raise_for_status()
        self.places |= dict.fromkeys(ids, place)

    def wait_for_another_round(self) -> None:
        """Wait until a round is over that began after this call, or the server is gone."""
        with self._changed:
            end = self.rounds + 2
            assert self._changed.wait_for(lambda: self.rounds >= end or self.has_lost_server, 60)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_failure: object) -> None:
        self._ending.set()
        self._thread.join()
        self._http.close()
