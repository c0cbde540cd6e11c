"""What clients see of the progress of a job."""

from typing import Any

from tests.support.running_server import FINAL, RunningServer


def watch(
    server: RunningServer, path: str, seconds: float = 60, **params: Any
) -> tuple[list[float], list[float]]:
    """Every percentage of a job until it is completed: of its events, and of the queue after each of them.

    An event may come after the queue told of a later step, so that the two are not one row.
    """
    with server.events() as events:
        job_id = server.submit(path, **params)
        told: list[float] = []
        shown: list[float] = []
        while True:
            message = events.next(seconds)
            data = message["data"]
            if data.get("job_id") != job_id:
                continue
            if message["event"] == "job_progress":
                told.append(data["percentage"])
            job = server.get(f"/queue/{job_id}")
            shown.append(job["progress"]["percentage"])
            if message["event"] == "job_status_changed" and data["status"] in FINAL:
                assert job["status"] == "completed", job
                return told, shown
