"""Scales of FP8 weights are applied: the copy holds the weights that the scaled file stands for."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from sdcpp_restapi.errors import JobCancelled
from sdcpp_restapi.models import unscaled_copy
from sdcpp_restapi.models.header_cache import read_header
from sdcpp_restapi.models.scaled_fp8 import find_obstacle
from sdcpp_restapi.models.unscaled_copy import needs_unscaling, write_unscaled
from tests.support.raw_safetensors import write_raw
from tests.support.scaled_fp8 import write_scaled


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A scaled file, and the same weights in F32."""
    rng = np.random.default_rng(0)
    shapes = [(8, 16), (3, 5), (300, 130), (200, 300), (7, 4), (1, 9)]
    tensors = {
        f"layer.{i}.weight": rng.standard_normal(shape).astype(np.float16) for i, shape in enumerate(shapes)
    }
    tensors |= {"layer.0.bias": np.ones(8, np.float32), "norm.scale": np.arange(4, dtype=np.float32)}
    write_scaled(tmp_path / "scaled.safetensors", tensors, tmp_path / "plain.safetensors")
    return tmp_path / "scaled.safetensors", tmp_path / "plain.safetensors"


@pytest.mark.parametrize("portion", [64, 2**20])
def test_the_copy_holds_the_weights_times_their_scales_and_no_scale(
    files: tuple[Path, Path], tmp_path: Path, portion: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unscaled_copy, "_PORTION", portion)
    scaled, plain = files
    assert needs_unscaling(scaled)
    write_unscaled(scaled, tmp_path / "copy.safetensors", lambda: False)
    copy, wanted = load_file(tmp_path / "copy.safetensors"), load_file(plain)
    assert copy.keys() == wanted.keys()
    for name, array in wanted.items():
        assert np.array_equal(copy[name], array.astype(copy[name].dtype)), name
    assert {str(copy[name].dtype) for name in copy if name.endswith(".weight")} == {"float16"}
    assert not needs_unscaling(tmp_path / "copy.safetensors")
    assert not needs_unscaling(plain)


def test_weights_too_large_for_f16_are_written_in_f32(tmp_path: Path) -> None:
    tensors = {f"{i}.weight": np.full((2, 2), 6e4, np.float16) for i in range(5)}
    write_scaled(tmp_path / "scaled.safetensors", tensors, tmp_path / "plain.safetensors")
    content = (tmp_path / "scaled.safetensors").read_bytes()
    small, large = np.float32(6e4 / 448).tobytes(), np.float32(1e4).tobytes()
    assert small in content
    (tmp_path / "scaled.safetensors").write_bytes(content.replace(small, large))
    write_unscaled(tmp_path / "scaled.safetensors", tmp_path / "copy.safetensors", lambda: False)
    copy = load_file(tmp_path / "copy.safetensors")
    assert copy["0.weight"].dtype == np.float32
    assert np.all(copy["0.weight"] == 448e4)


def test_a_copy_that_is_stopped_ends_as_cancelled(files: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(JobCancelled):
        write_unscaled(files[0], tmp_path / "copy.safetensors", lambda: True)


@pytest.mark.parametrize(
    ("scale", "told"),
    [
        (("F32", [3]), "a.weight has shape [8, 4], its scale [3]"),
        (("F32", [8, 2]), "a.weight has shape [8, 4], its scale [8, 2]"),
        (("U8", [8]), "a.weight is of type f8_e4m3, its scale of type u8"),
        (("F32", [8]), None),
        (("F32", []), None),
        (("F16", [8, 1]), None),
        (("F32", [1, 1]), None),
    ],
)
def test_scales_that_fit_no_weight_are_told(
    tmp_path: Path, scale: tuple[str, list[int]], told: str | None
) -> None:
    path = write_raw(tmp_path / "x.safetensors", {"a.weight": ("F8_E4M3", [8, 4]), "a.weight_scale": scale})
    header = read_header(path)
    assert header is not None
    assert find_obstacle(header.tensors) == told


def test_packed_weights_are_told(tmp_path: Path) -> None:
    tensors = {
        "a.weight": ("U8", [8, 2]),
        "a.weight_scale": ("F8_E4M3", [8, 1]),
        "a.weight_scale_2": ("F32", []),
    }
    header = read_header(write_raw(tmp_path / "x.safetensors", tensors))
    assert header is not None
    assert find_obstacle(header.tensors) == "its weights are packed (NVFP4)"
