"""Tensors come out of the files of torch.save without running them; damaged ones are refused."""

import io
import pickle
import random
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sdcpp_restapi.models.headers.header import BadHeader
from sdcpp_restapi.models.headers.torch_pickle import read_torch_pickle
from tests.support.torch_pickles import Tensor, as_tensor, pickle_of, write_legacy, write_zip

Write = Callable[[Path, dict[str, Tensor]], Path]

VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_floats_are_read_and_whole_numbers_passed_over(write: Write, tmp_path: Path) -> None:
    numbers = ("LongStorage", (1,), b"\0" * 8)
    half = VALUES.astype(np.float16)
    path = write(tmp_path / "a.pt", {"n": numbers, "*": as_tensor(VALUES), "half": as_tensor(half)})
    found = read_torch_pickle(path)
    assert set(found) == {"string_to_param.*", "string_to_param.half"}
    assert found["string_to_param.*"] == ("f32", (2, 3), VALUES.tobytes())
    assert found["string_to_param.half"] == ("f16", (2, 3), half.tobytes())


def test_a_program_in_a_pickle_is_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
            return open, (str(tmp_path / "trap"), "w")

    for protocol in range(2, 6):
        path = tmp_path / "trap.pt"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps(OrderedDict(a=Trap()), protocol))
        assert read_torch_pickle(path) == {}
        assert not (tmp_path / "trap").exists()


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ({"a/version": b"3"}, "it has no data.pkl"),
        ({"a/data.pkl": b"junk"}, "its pickle can't be followed"),
        ({"a/data.pkl": pickle_of({"*": as_tensor(VALUES)})}, "its pickle can't be followed"),
        ({"a/data.pkl": pickle_of({"*": as_tensor(VALUES)}), "a/data/0": b"\0" * 23}, "the file is cut off"),
        ({"a/data.pkl": b"", "a/data/0": b"\0" * (2**26 + 1)}, "it is larger than 64 MiB"),
    ],
)
def test_an_archive_that_is_no_model_is_refused(
    entries: dict[str, bytes], problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    with pytest.raises(BadHeader, match=problem):
        read_torch_pickle(path)


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_damaged_bytes_are_refused_or_read_never_an_error(write: Write, tmp_path: Path) -> None:
    content = write(tmp_path / "a.pt", {"*": as_tensor(VALUES)}).read_bytes()
    chance = random.Random(1)
    for _ in range(500):
        damaged = io.BytesIO(content)
        for _ in range(chance.randint(1, 3)):
            damaged.seek(chance.randrange(len(content)))
            damaged.write(chance.randbytes(1))
        cut = chance.choice([len(content), len(content), chance.randrange(len(content))])
        (tmp_path / "b.pt").write_bytes(damaged.getvalue()[:cut])
        try:
            read_torch_pickle(tmp_path / "b.pt")
        except BadHeader:
            continue


def test_tuples_within_tuples_take_no_time(tmp_path: Path) -> None:
    nested = b"\x80\x02}(K\x01" + b"q\x00h\x00\x86" * 60 + b"K\x02u."
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("a/data.pkl", nested)
    assert read_torch_pickle(tmp_path / "a.pt") == {}
