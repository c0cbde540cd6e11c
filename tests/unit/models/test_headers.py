import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.constants import GGML_QUANT_SIZES
from safetensors.numpy import save_file

from sdcpp_restapi.models.header_cache import read_facts
from sdcpp_restapi.models.headers import gguf_header
from sdcpp_restapi.models.headers.header import BadHeader, Tensor
from sdcpp_restapi.models.headers.safetensors_header import read_safetensors

type Write = Callable[[str, bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return to


def safetensors(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def text(content: str) -> bytes:
    return struct.pack("<Q", len(content.encode())) + content.encode()


def gguf(tensors: int = 0, keys: int = 0, rest: bytes = b"", version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, keys) + rest


def tensor(name: str, shape: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def test_a_safetensors_header_gives_shapes_types_and_metadata(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file(
        {"x": np.zeros((2, 3), np.float16), "y": np.zeros(4, np.float32)}, path, {"modelspec.title": "T"}
    )
    header = read_safetensors(path)
    assert header.tensors == {"x": Tensor((2, 3), "f16"), "y": Tensor((4,), "f32")}
    assert header.metadata == {"modelspec.title": "T"}


def test_a_gguf_header_gives_shapes_in_the_same_order_and_skips_lists(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    writer = GGUFWriter(path, "flux")
    writer.add_name("A name")
    writer.add_uint32("general.file_type", 2)
    writer.add_token_list(["one", "two"])
    writer.add_array("numbers", [1, 2, 3])
    writer.add_tensor("x", np.zeros((2, 32), np.float32))
    writer.add_tensor("q", np.zeros((3, 18), np.uint8), raw_dtype=GGMLQuantizationType.Q4_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    header = gguf_header.read_gguf(path)
    assert header.tensors == {"x": Tensor((2, 32), "f32"), "q": Tensor((3, 32), "q4_0")}
    assert header.metadata == {
        "general.architecture": "flux", "general.name": "A name", "general.file_type": "2"
    }  # fmt: skip


def test_every_type_of_gguf_is_called_as_the_format_calls_it() -> None:
    known = {int(one): one.name.lower() for one in GGMLQuantizationType}
    assert gguf_header.TYPES.items() >= known.items()


def test_the_sizes_of_blocks_are_those_of_the_format() -> None:
    known = {kind.name.lower(): size for kind, size in GGML_QUANT_SIZES.items()}
    assert gguf_header.BLOCKS.items() <= known.items()


def test_shapes_of_five_dimensions_are_folded_as_the_engine_folds_them(tmp_path: Path) -> None:
    path = tmp_path / "wan.safetensors"
    save_file({"patch_embedding.weight": np.zeros((5, 4, 1, 2, 2), np.float16)}, path)
    assert read_safetensors(path).tensors["patch_embedding.weight"].shape == (20, 1, 2, 2)


def entry(begin: int, end: int, type: str = "F32", shape: list[int] | None = None) -> dict[str, object]:
    return {"dtype": type, "shape": [1] if shape is None else shape, "data_offsets": [begin, end]}


def with_metadata(metadata: bytes) -> bytes:
    return safetensors(
        b'{"__metadata__": %s, "x": %s}' % (metadata, json.dumps(entry(0, 4)).encode()), b"\0" * 4
    )


TOLERATED = {
    "metadata_of_all_kinds": safetensors(
        {"__metadata__": {"a": 1, "b": None, "c": {"d": []}, "e": True, "f": "text"}, "x": entry(0, 4)},
        b"\0" * 4,
    ),
    "metadata_that_is_a_list": safetensors({"__metadata__": [1], "x": entry(0, 4)}, b"\0" * 4),
    "metadata_that_is_null": safetensors({"__metadata__": None, "x": entry(0, 4)}, b"\0" * 4),
    "empty_metadata": safetensors({"__metadata__": {}, "x": entry(0, 4)}, b"\0" * 4),
    "metadata_with_large_numbers": with_metadata(b'{"a": 1e308, "b": -18446744073709551616, "c": 5e-324}'),
    "bytes_behind_the_data": safetensors({"x": entry(0, 4)}, b"\0" * 9),
    "bytes_before_the_data": safetensors({"x": entry(8, 12)}, b"\0" * 12),
    "a_hole_between_tensors": safetensors({"y": entry(0, 4), "x": entry(64, 68)}, b"\0" * 68),
    "spaces_behind_the_json": safetensors(json.dumps({"x": entry(0, 4)}).encode() + b" " * 9, b"\0" * 4),
    "zeros_behind_the_json": safetensors(json.dumps({"x": entry(0, 4)}).encode() + b"\0" * 9, b"\0" * 4),
    "a_tensor_without_weights": safetensors({"y": entry(0, 0, shape=[0]), "x": entry(0, 4)}, b"\0" * 4),
    "a_tensor_without_dimensions": safetensors({"y": entry(0, 4, shape=[]), "x": entry(4, 8)}, b"\0" * 8),
    "marks_of_quantisers": safetensors({"y": entry(0, 1, "U8"), "x": entry(1, 5)}, b"\0" * 5),
}


@pytest.mark.parametrize("name", TOLERATED)
def test_what_the_engine_does_not_mind_in_a_safetensors_file_is_read(write: Write, name: str) -> None:
    path = write(f"{name}.safetensors", TOLERATED[name])
    assert read_facts(path).problem is None
    header = read_safetensors(path)
    assert header.tensors["x"] == Tensor((1,), "f32")
    assert header.metadata == ({"f": "text"} if name == "metadata_of_all_kinds" else {})


def test_both_halves_of_a_character_are_one_character(write: Write) -> None:
    path = write("x.safetensors", with_metadata(b'{"title": "\\ud83d\\ude00 \\\\ud800"}'))
    assert read_safetensors(path).metadata == {"title": "\N{GRINNING FACE} \\ud800"}


def test_a_gguf_tensor_of_five_dimensions_is_folded_as_the_engine_folds_it(write: Write) -> None:
    path = write("wan.gguf", gguf(1, 0, tensor("x", (2, 2, 1, 4, 5)) + b"\0" * 512))
    assert gguf_header.read_gguf(path).tensors["x"].shape == (20, 1, 2, 2)


BINARY = "\x07\x1b[2J\x85" + "n" * 900


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.gguf", gguf(1, 0, tensor(BINARY, (1,) * 9))),
        ("y.gguf", gguf(1, 0, text("n" * 4138))),
        ("x.safetensors", safetensors({BINARY: entry(0, 4, "BOOL\x1b")}, b"\0" * 4)),
    ],
)
def test_what_is_told_of_a_damaged_file_is_short_and_printable(
    write: Write, name: str, content: bytes
) -> None:
    problem = read_facts(write(name, content)).problem
    assert problem
    assert problem.isprintable()
    assert len(problem) < 250


ONE = {"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
DEEP = b"[" * 200_000
HOSTILE_SAFETENSORS = {
    **{
        f"metadata_with_{name}": with_metadata(b'{"title": %s}' % value)
        for name, value in {
            "nan": b"NaN",
            "infinity": b"Infinity",
            "minus_infinity": b"[-Infinity]",
            "a_number_of_400_digits": b"1" * 400,
            "an_exponent_of_999": b"-1e999",
            "half_a_character": b'"\\ud800"',
            "half_a_character_deep_inside": b'{"a": ["\\uDFFF x"]}',
            "halves_in_the_wrong_order": b'"\\ude00\\ud83d"',
        }.items()
    },
    "longer_than_the_file": safetensors(ONE, length=2**62),
    "header_of_100_gigabytes": safetensors(b"{", length=100 * 2**30),
    "cut_off": safetensors(ONE, b"\0"),
    "overlapping": safetensors(ONE | {"y": ONE["x"]}, b"\0" * 4),
    "negative_offset": safetensors({"x": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}),
    "shape_that_overflows": safetensors(
        {"x": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}, b"\0" * 4
    ),
    "unknown_type": safetensors({"x": {"dtype": "F1", "shape": [1], "data_offsets": [0, 4]}}, b"\0" * 4),
    "type_that_the_engine_refuses": safetensors({"x": entry(0, 1, "BOOL")}, b"\0"),
    "six_dimensions": safetensors({"x": entry(0, 4, shape=[1] * 6)}, b"\0" * 4),
    "too_few_bytes": safetensors({"x": entry(0, 3)}, b"\0" * 4),
    "too_many_bytes": safetensors({"x": entry(0, 5)}, b"\0" * 5),
    "end_before_begin": safetensors({"x": entry(4, 0)}, b"\0" * 4),
    "three_offsets": safetensors({"x": ONE["x"] | {"data_offsets": [0, 2, 4]}}, b"\0" * 4),
    "offsets_that_are_no_numbers": safetensors({"x": ONE["x"] | {"data_offsets": ["0", 4.0]}}, b"\0" * 4),
    "shape_of_booleans": safetensors({"x": ONE["x"] | {"shape": [True]}}, b"\0" * 4),
    "a_tensor_that_is_a_number": safetensors({"x": 1}, b"\0" * 4),
    "half_a_character": safetensors(b'{"\\ud800": %s}' % json.dumps(ONE["x"]).encode(), b"\0" * 4),
    "number_of_10000_digits": safetensors(b'{"x": ' + b"1" * 10_000 + b"}"),
    "a_list": safetensors(b"{}".replace(b"{}", b"[]")),
    "deeply_nested": safetensors(b'{"x":' + DEEP),
    "no_json": safetensors(b"{\xff\xfe"),
    "html": b"<!DOCTYPE html><html><body>Sign in</body></html>",
    "empty": b"",
    "short": b"\0\0",
}


@pytest.mark.parametrize("name", HOSTILE_SAFETENSORS)
def test_a_damaged_or_hostile_safetensors_file_is_told_and_nothing_more(write: Write, name: str) -> None:
    facts = read_facts(write(f"{name}.safetensors", HOSTILE_SAFETENSORS[name]))
    assert facts.problem
    assert facts.problem.startswith("its header is not valid: ")
    assert facts.contains == []


HOSTILE_GGUF = {
    "cut_off_at_once": b"GGUF",
    "version_1": gguf(version=1),
    "big_endian": b"GGUF" + struct.pack(">I", 3) + b"\0" * 16,
    "too_many_tensors": gguf(tensors=2**63),
    "too_many_keys": gguf(keys=2**63),
    "text_longer_than_the_file": gguf(keys=1, rest=struct.pack("<Q", 2**60)),
    "list_longer_than_the_file": gguf(keys=1, rest=text("k") + struct.pack("<IIQ", 9, 8, 2**60)),
    "list_of_numbers_longer_than_the_file": gguf(keys=1, rest=text("k") + struct.pack("<IIQ", 9, 4, 2**60)),
    "lists_within_lists": gguf(keys=1, rest=text("k") + struct.pack("<IIQ", 9, 9, 1)),
    "value_of_no_type": gguf(keys=1, rest=text("k") + struct.pack("<I", 99)),
    "too_many_dimensions": gguf(tensors=1, rest=text("x") + struct.pack("<I", 2**31)),
    "shape_that_overflows": gguf(tensors=1, rest=tensor("x", (2**60, 2**60))),
    "offset_behind_the_end": gguf(tensors=1, rest=tensor("x", (1,), offset=2**40)),
    "weights_that_are_not_there": gguf(tensors=1, rest=tensor("x", (1000,))),
    "blocks_that_are_not_there": gguf(tensors=1, rest=tensor("x", (3200,), kind=2) + b"\0" * 64),
    "name_of_4138_bytes": gguf(tensors=1, rest=tensor("x" * 4138, (1,)) + b"\0" * 64),
    "one_name_twice": gguf(tensors=2, rest=tensor("x", (1,)) * 2),
    "not_gguf": b"PK\3\4 a zip file",
}


@pytest.mark.parametrize("name", HOSTILE_GGUF)
def test_a_damaged_or_hostile_gguf_file_is_told_and_nothing_more(write: Write, name: str) -> None:
    facts = read_facts(write(f"{name}.gguf", HOSTILE_GGUF[name]))
    assert facts.problem
    assert facts.problem.startswith("its header is not valid: ")
    assert facts.contains == []


def test_a_gguf_file_cut_anywhere_is_never_more_than_a_bad_header(write: Write) -> None:
    whole = gguf(2, 1, text("general.name") + struct.pack("<I", 8) + text("A") + tensor("x", (2, 3)) * 1)
    for length in range(4, len(whole)):
        with pytest.raises(BadHeader):
            gguf_header.read_gguf(write("cut.gguf", whole[:length]))


def test_an_unknown_gguf_type_has_its_number_as_name(write: Write) -> None:
    path = write("new.gguf", gguf(1, 0, tensor("x", (2,), kind=999)))
    assert gguf_header.read_gguf(path).tensors["x"] == Tensor((2,), "type 999")


@pytest.mark.parametrize("extension", [".ckpt", ".pt", ".pth", ".bin"])
def test_pickles_are_not_opened_up(write: Write, extension: str) -> None:
    facts = read_facts(write(f"x{extension}", b"\x80\x02cos\nsystem\n"))
    assert (facts.format, facts.problem, facts.architecture, facts.contains) == (None, None, None, [])


def test_what_a_file_is_decides_and_not_its_extension(tmp_path: Path) -> None:
    path = tmp_path / "really.ckpt"
    save_file({"emb_params": np.zeros((2, 768), np.float32)}, path)
    assert read_facts(path).format == "safetensors"
