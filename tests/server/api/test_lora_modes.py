"""LoRAs come and go between jobs, in every mode, and leave no trace."""

from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from tests.support.outputs import pixels
from tests.support.running_server import StartServer
from tests.support.tiny_models import build


@pytest.mark.parametrize(
    "mode", ["auto", *(pytest.param(mode, marks=pytest.mark.heavy) for mode in ("at_runtime", "immediately"))]
)
def test_a_lora_acts_on_its_own_job_and_on_no_other(
    start_server: StartServer, tmp_path: Path, mode: str
) -> None:
    body = build("flux_schnell").install(tmp_path / "models")
    build("lora_flux").install(tmp_path / "models")
    server = start_server()
    server.post("/models/load", body | {"options": {"lora_apply_mode": mode}})

    def picture(prompt: str) -> bytes:
        job = server.make(prompt=prompt, width=64, height=64, steps=2, cfg_scale=1, seed=3)
        return pixels(server, job)

    plain, styled = picture("a cat"), picture("a cat <lora:lora_flux:1>")
    weaker = picture("a cat <lora:lora_flux:0.5>")
    assert len({plain, styled, weaker}) == 3
    assert picture("a cat") == plain
    assert picture("a cat <lora:lora_flux:0.5><lora:lora_flux:0.5>") == styled


@pytest.mark.parametrize("mode", ["at_runtime", pytest.param("immediately", marks=pytest.mark.heavy)])
def test_tensors_that_did_not_act_are_told_with_the_finished_job(
    start_server: StartServer, tmp_path: Path, mode: str
) -> None:
    body = build("sd1").install(tmp_path / "models")
    build("lora_sd1").install(tmp_path / "models")
    folder = tmp_path / "models" / "loras"
    good = load_file(folder / "lora_sd1.safetensors")
    unknown = {f"lora_prior_{name}": tensor for name, tensor in good.items()}
    save_file(good | unknown, folder / "half.safetensors")
    save_file(unknown, folder / "none.safetensors")
    server = start_server()
    server.post("/models/load", body | {"options": {"lora_apply_mode": mode, "weight_type": "f16"}})

    def told(prompt: str) -> list[str]:
        job = server.make(prompt=prompt, width=64, height=64, steps=1, cfg_scale=1, seed=3)
        config = server.get(f"/output/{job['job_id']}/config.json")
        assert config.get("warnings") == job.get("warnings")
        return [text for text in job.get("warnings", []) if "acted" in text]

    assert told("a cat <lora:lora_sd1:1>") == []
    half = "loras: 2 of 4 tensors of half.safetensors acted, the others do not fit this model"
    none = "loras: none of the 2 tensors of none.safetensors acted: they do not fit this model"
    assert told("a cat <lora:half:1>") == [half]
    assert told("a cat <lora:half:1>") == [half]  # merged by the job before
    assert told("a cat <lora:none:1><lora:lora_sd1:1>") == [none]
    assert told("a cat") == []
