"""Conversions that are cancelled, and engines that die of one."""

import sqlite3
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.server.convert.conftest import ZIMAGE, convert
from tests.support.running_server import RunningServer, StartServer
from tests.support.tiny_models import build

pytestmark = pytest.mark.heavy

SLOW = "slow.gguf"
"""84 MB: it takes seconds to write it as k-quants."""


@pytest.fixture(scope="module", autouse=True)
def _slow(root: Path) -> None:
    build("sd1").install(root / "models", SLOW)


def started(server: RunningServer, output: str) -> str:
    """Submit a slow conversion; its id once the engine is at it."""
    with server.events() as events:
        job_id = server.submit("/convert", input_path=SLOW, output_type="q3_k", output_path=output)
        events.wait_for("job_progress", lambda data: data["job_id"] == job_id)
    return job_id


def left_behind(root: Path) -> list[Path]:
    return [*(root / "models").rglob(".*"), *(root / "models/checkpoints").glob("broken*")]


def test_a_cancelled_conversion_ends_with_its_engine_and_leaves_no_file(
    server: RunningServer, root: Path
) -> None:
    job_id = started(server, "broken_off.gguf")
    (child,) = psutil.Process(server.process.pid).children()
    assert server.http.delete(f"/queue/{job_id}").status_code == 200
    child.wait(30)
    assert server.get(f"/queue/{job_id}")["status"] == "cancelled"
    assert convert(server, input_path="z_image.safetensors", output_type="f32")["status"] == "completed"
    assert not left_behind(root)


def test_an_engine_killed_twice_by_a_conversion_fails_it_and_leaves_no_file(
    server: RunningServer, root: Path
) -> None:
    job_id = ""
    with server.events() as events:
        job_id = server.submit("/convert", input_path=SLOW, output_type="q3_k", output_path="broken.gguf")
        for _ in range(2):
            events.wait_for("job_progress", lambda data: data["job_id"] == job_id)
            (child,) = psutil.Process(server.process.pid).children()
            child.kill()
            events.wait_for("job_status_changed", lambda data: data["previous_status"] == "processing")
    job = server.wait_for_job(job_id)
    assert job["status"] == "failed"
    assert "SIGKILL" in job["error"]
    assert not left_behind(root)


def test_the_third_unclean_stop_fails_a_conversion_and_leaves_no_file(
    start_server: StartServer, tmp_path: Path
) -> None:
    build("sd1").install(tmp_path / "models", SLOW)
    server = start_server()
    job_id = started(server, "broken.gguf")
    for _ in range(2):
        server.kill()
        assert list((tmp_path / "models/checkpoints").glob(f".{job_id}.*.tmp"))
        server.start()
        with server.events() as events:
            events.wait_for("job_progress", lambda data: data["job_id"] == job_id)
    server.kill()
    server.start()
    job = server.get(f"/queue/{job_id}")
    assert job["status"] == "failed"
    assert "3 times" in job["error"]
    assert not left_behind(tmp_path)


@pytest.mark.parametrize("foreign", [False, True])
def test_a_kill_between_the_file_and_its_row_is_mended_by_the_next_attempt(
    start_server: StartServer, tmp_path: Path, foreign: bool
) -> None:
    build("zimage").install(tmp_path / "models", ZIMAGE)
    server = start_server()
    job = convert(server, input_path=ZIMAGE, output_type="q8_0")
    output = Path(job["output_path"])
    server.stop()
    with closing(sqlite3.connect(server.data_dir / "sdcpp.db", isolation_level=None)) as db:
        db.execute("DROP TRIGGER jobs_stay_final")
        db.execute("UPDATE jobs SET status = 'processing', result = NULL, completed_at = NULL")
    if foreign:
        output.write_bytes(output.read_bytes() + b"another")
    server.start()
    again = server.wait_for_job(job["job_id"])
    assert again["status"] == ("failed" if foreign else "completed"), again
    assert output.exists()
    assert not left_behind(tmp_path)
