"""FP8 weights with scales of their own: the engine would leave the scales out and draw black pictures."""

from pathlib import Path

import pytest

from sdcpp_restapi.models.header_cache import read_facts
from sdcpp_restapi.models.recognition import load_rules
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
