"""What the engine reads of the header of a safetensors file, and what our own reader makes of it."""

import json
import struct
from pathlib import Path

import pytest

from sdcpp_restapi.models.headers.header import BadHeader
from sdcpp_restapi.models.headers.safetensors_header import read_safetensors
from tests.support.tiny_models import build
from tests.support.tiny_models.drive import generate
from tests.support.tiny_models.models import TinyModel

READ = (
    '{"a": 1, "b": [true, null], "c": 1e308, "d": 1e-400, "e": -18446744073709551616}',
    r'{"a": "\ud83d\ude00 \\ud800"}',
)
REFUSED = (
    '{"a": NaN}',
    '{"a": [-Infinity]}',
    f'{{"a": {"1" * 400}}}',
    '{"a": -1e999}',
    r'{"a": "\ud800"}',
    r'{"a": {"\udfff": 1}}',
)


def with_metadata(folder: Path, metadata: str) -> TinyModel:
    """The tiny MiniT2I with other metadata."""
    tiny = build("minit2i")
    content = tiny.files["model"].read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    text = f'{{"__metadata__": {metadata}, {json.dumps(header)[1:]}'.encode()
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
    return TinyModel(tiny.model_type, {**tiny.files, "model": path})


@pytest.mark.parametrize("metadata", READ)
def test_metadata_that_the_engine_reads_is_read(tmp_path: Path, metadata: str) -> None:
    model = with_metadata(tmp_path, metadata)
    assert read_safetensors(model.files["model"]).tensors
    (made,) = generate(model, {"steps": 1})
    assert made["deviation"] > 1


@pytest.mark.parametrize("metadata", REFUSED, ids=lambda text: text[:20])
def test_metadata_that_the_engine_refuses_is_refused(tmp_path: Path, metadata: str) -> None:
    model = with_metadata(tmp_path, metadata)
    with pytest.raises(BadHeader):
        read_safetensors(model.files["model"])
    with pytest.raises(RuntimeError, match="the engine refused the model"):
        generate(model, {"steps": 1})
