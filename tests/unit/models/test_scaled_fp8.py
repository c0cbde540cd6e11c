"""FP8 weights with scales of their own: the engine would leave the scales out and draw black pictures."""

from pathlib import Path

import pytest

from sdcpp_restapi.models.header_cache import read_facts
from sdcpp_restapi.models.headers.safetensors_header import read_safetensors
from sdcpp_restapi.models.recognition import load_rules
from sdcpp_restapi.models.scaled_fp8 import find_obstacle
from tests.support import stub_models
from tests.support.raw_safetensors import in_type, write_raw


@pytest.mark.parametrize("kind", ["F8_E4M3", "F8_E5M2"])
@pytest.mark.parametrize(
    "scale", ["double_blocks.0.img_attn.qkv.scale_weight", "a.weight_scale", "a.input_scale", "scaled_fp8"]
)
@pytest.mark.parametrize("shapes", [stub_models.flux(), stub_models.t5()])
def test_it_is_known_by_the_tensors_of_its_scales(
    tmp_path: Path, shapes: stub_models.Shapes, scale: str, kind: str
) -> None:
    facts = read_facts(write_raw(tmp_path / "x.safetensors", {**in_type(shapes, kind), scale: ("F32", [1])}))
    assert facts.unsupported is not None
    assert f"(tensor {scale})" in facts.unsupported
    assert "GGUF" in facts.unsupported
    assert facts.contains  # it is still told what it is


@pytest.mark.parametrize("kind", ["F8_E4M3", "F16"])
def test_plain_fp8_and_norms_called_scale_are_not(tmp_path: Path, kind: str) -> None:
    names = {"double_blocks.0.norm.scale": ("F32", [1]), "logit_scale": ("F32", [1])}
    facts = read_facts(write_raw(tmp_path / "x.safetensors", {**in_type(stub_models.flux(), kind), **names}))
    assert facts.unsupported is None
    assert "unsupported" not in facts.model_dump()
    assert all(scale in load_rules().scales for scale in (".scale_weight", ".weight_scale", "scaled_fp8"))


@pytest.mark.parametrize(
    "scale",
    [
        "{layer}.weight._scale",
        "{layer}.scale",
        "{layer}._scale",
        "{layer}_scale",
        "{layer}.scales",
        "{layer}.weight.scale",
        "{layer}.weight_scale_factor",
        "{layer}.fp8_scale",
        "{layer}.weight_qscale",
    ],
)
def test_a_scale_of_another_name_is_known_by_the_fp8_weight_beside_it(tmp_path: Path, scale: str) -> None:
    layer = "double_blocks.0.img_attn.qkv"
    name = scale.format(layer=layer)
    tensors = {**in_type(stub_models.flux(), "F8_E4M3"), f"{layer}.weight": ("F8_E4M3", [8, 4])}
    path = write_raw(tmp_path / "x.safetensors", {**tensors, name: ("F32", [1])})
    told = read_facts(path).unsupported
    assert told is not None
    assert f"(tensor {name})" in told
    assert "POST /convert" not in told
    assert find_obstacle(read_safetensors(path).tensors) == f"what '{name}' means is not known"


def test_what_quanto_writes_is_known(tmp_path: Path) -> None:
    tensors = {"a.weight._data": ("F8_E4M3", [8, 4]), "a.weight._scale": ("F16", [8, 1])}
    assert read_facts(write_raw(tmp_path / "x.safetensors", tensors)).unsupported


@pytest.mark.parametrize(
    "name",
    [
        "a.norm.scale",
        "a.query_norm.scale",
        "logit_scale",
        "a.logit_scale",
        "a_norm_scale",
        "a.layer_scale",
        "a.scale_shift_table",
        "a.dora_scale",
        "b.scale",
        "scale",
        "_scale",
        ".scale",
        "a.weight.scale.weight",
    ],
)
def test_what_only_sounds_like_a_scale_is_none(tmp_path: Path, name: str) -> None:
    tensors = {"a.weight": ("F8_E4M3", [8, 4]), "b.weight": ("F16", [8, 4]), name: ("F32", [8])}
    path = write_raw(tmp_path / "x.safetensors", tensors)
    assert read_facts(path).unsupported is None
    assert find_obstacle(read_safetensors(path).tensors) is None


def test_beside_a_scale_of_a_known_name_others_do_not_keep_a_file_from_being_converted(
    tmp_path: Path,
) -> None:
    scales = {"a.weight_scale": ("F32", [1]), "a.output_scale": ("F32", [1])}
    path = write_raw(tmp_path / "x.safetensors", {"a.weight": ("F8_E4M3", [8, 4]), **scales})
    assert find_obstacle(read_safetensors(path).tensors) is None
    assert "POST /convert" in str(read_facts(path).unsupported)


def test_long_names_are_searched_in_the_time_of_their_length(tmp_path: Path) -> None:
    tensors = {"a.weight": ("F8_E4M3", [8]), "a." + "scale_" * 100_000: ("F32", [1])}
    assert read_facts(write_raw(tmp_path / "x.safetensors", tensors)).unsupported is None
