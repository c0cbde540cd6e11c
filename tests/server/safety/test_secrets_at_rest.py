"""Secrets where they lie: who can read the data directory, and what the engine's process is told."""

import stat
from pathlib import Path

import psutil

from tests.support.running_server import RunningServer
from tests.support.scripted_engine import environment

SECRETS = {
    "SDCPP_SERVER_API_KEYS": "a-key-of-some-length",
    "SDCPP_DOWNLOADS_CIVITAI_TOKEN": "secret-of-civitai",
    "HF_TOKEN": "secret-of-the-hub",
    "OPENAI_API_KEY": "secret-of-openai",
}


def test_others_cannot_look_into_the_data_directory(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    with RunningServer(tmp_path, env=environment(tmp_path)) as server:
        assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700


def test_the_engine_is_told_no_secrets(tmp_path: Path) -> None:
    with RunningServer(tmp_path, env={**environment(tmp_path), **SECRETS}) as server:
        server.http.headers["x-api-key"] = SECRETS["SDCPP_SERVER_API_KEYS"]
        server.post("/models/load", {"model_name": "scripted.safetensors"})
        (child,) = psutil.Process(server.process.pid).children()
        assert "PATH" in child.environ()
        assert not SECRETS.keys() & child.environ().keys()
