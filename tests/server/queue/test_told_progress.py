"""Each step is told and shown, one after the other, where it takes longer than a tenth of a second."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.running_server import of_job
from tests.support.scripted_engine import MODEL, StartFaulty, put

VIDEO_MODEL = "wan.safetensors"


@pytest.mark.parametrize(
    ("model", "path", "params"),
    [(MODEL, "/txt2img", {"batch_count": 1}), (VIDEO_MODEL, "/txt2vid", {"video_frames": 1})],
    ids=["picture", "video"],
)
def test_every_step_is_told_and_shown(
    start_faulty: StartFaulty, tmp_path: Path, model: str, path: str, params: dict[str, Any]
) -> None:
    server = start_faulty("asks_leave_for_each_step")
    put(tmp_path, f"checkpoints/{VIDEO_MODEL}")
    server.post("/models/refresh")
    leave = tmp_path / "leave"
    os.mkfifo(leave)
    server.post("/models/load", {"model_name": model})
    with server.events() as events:
        job_id = server.submit(path, prompt="a cat", width=64, height=64, steps=4, **params)
        seen = []
        for _ in range(4):
            leave.write_bytes(b"")
            told = events.wait_for("job_progress", of_job(job_id))
            shown = server.get(f"/queue/{job_id}")["progress"]
            seen.append((told["step"], told["percentage"], shown["step"], shown["percentage"]))
        assert server.wait_for_job(job_id)["status"] == "completed"
    assert seen == [(step, 25.0 * step, step, 25.0 * step) for step in (1, 2, 3, 4)]
