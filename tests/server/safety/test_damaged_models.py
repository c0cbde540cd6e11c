"""Hundreds of model files with damaged headers: each is inspected, loaded, drawn with where it loads."""

import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest
from gguf import GGUFWriter
from safetensors.numpy import load_file

from tests.support.damaged_headers import damage
from tests.support.running_server import RunningServer
from tests.support.server_setup import OPTIONS, ServerSetup
from tests.support.tiny_models import build

# Both may be set, to repeat a run or for a longer one.
SEED = int(os.environ.get("TEST_SEED", "20261130"))
FILES = int(os.environ.get("TEST_FILES", "300"))
DRAWN: dict[str, Any] = {"prompt": "a cat", "width": 64, "height": 64, "steps": 1, "cfg_scale": 1}
# Megabytes: what a server may grow by, and what an engine may take at its highest. The models take 5 MB.
SERVER_GROWTH, ENGINE_PEAK = 200, 2000

SERVER = ServerSetup(env={"SDCPP_ENGINE_RESTART_DELAY": "0"}, loads=["minit2i"])


@pytest.fixture(scope="module")
def whole(root: Path) -> dict[str, bytes]:
    """The same model as a file of both formats, by extension."""
    source = build("minit2i").files["model"]
    path = root / "whole.gguf"
    writer = GGUFWriter(path, "sd")
    for name, tensor in load_file(source).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return {"safetensors": source.read_bytes(), "gguf": path.read_bytes()}


def memory(server: RunningServer) -> tuple[float, float]:
    """Resident megabytes of the server now, and of its engine at its highest."""
    process = psutil.Process(server.process.pid)
    peak = 0.0
    for child in process.children():
        status = Path(f"/proc/{child.pid}/status").read_text()
        peak = max(
            peak, *(int(row.split()[1]) / 1000 for row in status.splitlines() if row.startswith("VmHWM"))
        )
    return process.memory_info().rss / 1e6, peak


def load_and_draw(server: RunningServer, name: str) -> str:
    """What becomes of a model file, in a word; all errors are sentences."""
    body = {"model_name": name, "model_type": "diffusion", "t5xxl": "t5xxl.safetensors", "options": OPTIONS}
    inspected = server.get(f"/models/inspect/diffusion/{name}")
    answer = server.http.post("/models/load", json=body)
    if answer.status_code != 200:
        told = answer.json()
        assert (answer.status_code, told["code"]) in {(400, "bad_request"), (500, "load_failed")}, told
        assert len(told["error"]) > 20
        assert not inspected["problem"] or answer.status_code == 400
        return f"{answer.status_code}"
    assert inspected["problem"] is None
    job = server.wait_for_job(server.submit(**DRAWN))
    assert job["status"] == "completed" or len(job["error"] or "") > 20, job
    return str(job["status"])


@pytest.mark.heavy
@pytest.mark.timeout(1200)
def test_damaged_headers_are_refused_with_a_sentence_and_the_next_good_model_draws(
    server: RunningServer, whole: dict[str, bytes]
) -> None:
    chance = random.Random(SEED)
    good = {**build("minit2i").install(server.models_dir), "options": OPTIONS}
    folder = server.models_dir / "diffusion_models"
    (folder / "whole.gguf").write_bytes(whole["gguf"])
    assert load_and_draw(server, "whole.gguf") == "completed"
    before, peak = memory(server)
    ends: Counter[str] = Counter()
    for number in range(FILES):
        extension = chance.choice(sorted(whole))
        deed, content = damage(whole[extension], chance)
        path = folder / f"{number}_{deed}.{extension}"
        path.write_bytes(content)
        ends[f"{extension} {load_and_draw(server, path.name)}"] += 1
        peak = max(peak, memory(server)[1])
        path.unlink()
        if number % 50 == 49:
            server.post("/models/load", good)
            assert server.make(**DRAWN)["outputs"]
            assert server.get("/health")["last_error"] is None
    after, _ = memory(server)
    print(
        f"seed {SEED}, {FILES} files: {dict(ends)};"
        f" server {before:.0f} to {after:.0f} MB, engine {peak:.0f} MB at most"
    )
    assert after < before + SERVER_GROWTH
    assert peak < ENGINE_PEAK
