"""LoRAs come and go between jobs, in every mode, and leave no trace."""

from pathlib import Path

import pytest
from PIL import Image

from tests.support.running_server import StartServer
from tests.support.tiny_models import build


@pytest.mark.parametrize("mode", ["auto", "at_runtime", "immediately"])
def test_a_lora_acts_on_its_own_job_and_on_no_other(
    start_server: StartServer, tmp_path: Path, mode: str
) -> None:
    body = build("flux_schnell").install(tmp_path / "models")
    build("lora_flux").install(tmp_path / "models")
    server = start_server()
    server.post("/models/load", body | {"options": {"lora_apply_mode": mode}})

    def picture(prompt: str) -> bytes:
        job = server.make(prompt=prompt, width=64, height=64, steps=2, cfg_scale=1, seed=3)
        with Image.open(server.output_dir / job["outputs"][0]) as image:
            return image.tobytes()

    plain, styled = picture("a cat"), picture("a cat <lora:lora_flux:1>")
    weaker = picture("a cat <lora:lora_flux:0.5>")
    assert len({plain, styled, weaker}) == 3
    assert picture("a cat") == plain
    assert picture("a cat <lora:lora_flux:0.5><lora:lora_flux:0.5>") == styled
