"""The document's chapters on the real engine: each model is loaded and used as it is written there."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.support.api_document import FOLDER, blocks
from tests.support.document_models import install_heavy
from tests.support.images import encoded
from tests.support.running_server import RunningServer, StartServer

CHAPTERS = {
    "SD1.5": ["sd15 load", "sd15 generate", "two loras", "img2img"],
    "Flux dev": ["flux dev load", "flux dev generate", "one lora"],
    "Flux schnell": ["flux schnell load", "flux schnell generate"],
    "Z-Image": ["z-image load", "z-image generate", "z-image with lora"],
}
HEAVY_CHAPTERS = {
    "SDXL": ["sdxl load", "sdxl generate"],
    "SD3.5": ["sd35 load", "sd35 generate"],
    "Qwen-Image": ["qwen image load", "qwen image generate"],
    "ControlNet": ["controlnet load", "controlnet generate"],
}
ARCHITECTURES = {
    "SD1.5": "SD1.5", "Flux dev": "Flux", "Flux schnell": "Flux", "Z-Image": "Z-Image", "SDXL": "SDXL",
    "SD3.5": "SD3", "Qwen-Image": "Qwen-Image", "ControlNet": "SD1.5",
}  # fmt: skip


def reduced(text: str) -> str:
    """Pictures of 64x64 in 2 steps: on a CPU even tiny models take minutes for the document's sizes.

    This is the only thing that is changed in an example, besides where the server is.
    """
    return re.sub(
        r'("(?:width|height|steps)"): (\d+)', lambda m: f"{m[1]}: {64 if int(m[2]) > 99 else 2}", text
    )


def opened(file: bytes) -> Image.Image:
    return Image.open(io.BytesIO(file))


def run(server: RunningServer, name: str, folder: Path) -> dict[str, object]:
    """The JSON answer of a documented curl command."""
    for picture in ("input.png", "canny_edges.png"):
        (folder / picture).write_bytes(encoded())
    command = reduced(blocks("requests.md")[name]).replace("http://localhost:8080", server.url)
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=True)
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_makes_pictures_from_its_first_line_to_its_last(
    real: RunningServer, tmp_path: Path, chapter: str
) -> None:
    walk(real, tmp_path, chapter, *CHAPTERS[chapter])


@pytest.mark.heavy
@pytest.mark.timeout(600)  # gigabytes are written and read
@pytest.mark.parametrize("chapter", HEAVY_CHAPTERS)
def test_a_chapter_with_larger_models_makes_its_picture(
    start_server: StartServer, tmp_path: Path, chapter: str
) -> None:
    install_heavy(tmp_path / "models", chapter)
    walk(start_server(), tmp_path, chapter, *HEAVY_CHAPTERS[chapter])


def walk(server: RunningServer, folder: Path, chapter: str, load: str, *generations: str) -> None:
    assert run(server, load, folder)["success"] is True
    assert server.get("/health")["model_architecture"] == ARCHITECTURES[chapter]
    for name in generations:
        job = server.wait_for_job(str(run(server, name, folder)["job_id"]), seconds=300)
        assert job["status"] == "completed", (name, job)
        assert len(job["outputs"]) == job["params"]["batch_count"]
        for path in job["outputs"]:
            image = opened(server.http.get(f"/output/{path}").content)
            assert image.size == (64, 64)
            assert len(image.getcolors(2**16) or []) > 10, f"{name}: an empty picture"


def test_the_python_example_saves_its_picture(real: RunningServer, tmp_path: Path) -> None:
    script = reduced((FOLDER / "client.py.txt").read_text("utf-8"))
    (tmp_path / "client.py").write_text(script.replace("http://localhost:8080", real.url))
    done = subprocess.run(
        [sys.executable, "client.py"], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=True
    )
    assert "'message': 'Model loaded successfully'" in done.stdout
    assert "Status: completed, Image 0/1, Step 2/2, Progress: 100.0%" in done.stdout
    assert re.search(r"Saved: .*/image_0\.png", done.stdout)
    assert opened((tmp_path / "image_0.png").read_bytes()).size == (64, 64)


def test_the_bash_example_saves_its_picture(real: RunningServer, tmp_path: Path) -> None:
    script = reduced((FOLDER / "workflow.sh").read_text("utf-8"))
    (tmp_path / "workflow.sh").write_text(script.replace("http://localhost:8080", real.url))
    done = subprocess.run(
        ["bash", "workflow.sh"], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=True
    )
    assert "Status: completed, Image 0/1, Step 2/2, Progress: 100%" in done.stdout
    assert "Saved: image_0.png" in done.stdout
    assert opened((tmp_path / "image_0.png").read_bytes()).size == (64, 64)
