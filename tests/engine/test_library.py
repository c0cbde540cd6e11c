"""The self-check refuses every library but the known one, in one sentence."""

import ctypes
import ctypes.util
import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sdcpp_restapi.engine.binding.call_structs import sd_ctx_params_t
from sdcpp_restapi.engine.binding.library import find_library
from sdcpp_restapi.engine.binding.revision import Revision
from sdcpp_restapi.engine.binding.revision_487de75 import REVISION
from sdcpp_restapi.engine.binding.self_check import open_library
from sdcpp_restapi.errors import EngineUnusable


def _refusal(path: Path | str | None, revision: Revision = REVISION) -> str:
    with pytest.raises(EngineUnusable) as caught:
        open_library(None if path is None else str(path), revision)
    message = str(caught.value)
    assert message.endswith("pip install cyllama==0.4.9")
    assert "\n" not in message
    return message


def test_the_installed_library_passes() -> None:
    assert open_library(None).read_string("sd_commit") == REVISION.commit


def test_the_check_prints_nothing_and_does_not_import_the_wheels_package() -> None:
    code = (
        "import sys; from sdcpp_restapi.engine.binding.self_check import open_library; open_library(None);"
        "assert not {m for m in sys.modules if m.split('.')[0] in"
        " ('cyllama', 'numpy', 'fastapi', 'starlette', 'sqlite3', 'uvicorn')}, sorted(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_printed_field_is_a_sentinel_of_its_own() -> None:
    for sentinels in REVISION.sentinels.values():
        lines = [line for _, line in sentinels.values()]
        assert len(set(lines)) == len(lines)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert f"{tmp_path / 'none.so'} does not exist" in _refusal(tmp_path / "none.so")


def test_a_file_that_is_no_library_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.so").write_text("this is not a library")
    assert "cannot be opened" in _refusal(tmp_path / "text.so")


def test_another_library_is_refused() -> None:
    name = ctypes.util.find_library("c")
    other = next((p for p in Path("/").glob(f"lib*/**/{name}") if p.is_file()), None) if name else None
    if other is None:
        pytest.skip("no C library found as a file")
    assert "it has no function" in _refusal(other)


def test_another_revision_is_refused_before_any_struct_is_handed_to_it(tmp_path: Path) -> None:
    original = find_library(REVISION).read_bytes()
    assert original.count(REVISION.commit.encode()) >= 1
    (tmp_path / "other.so").write_bytes(original.replace(REVISION.commit.encode(), b"2bb7294"))
    assert "it calls itself 2bb7294" in _refusal(tmp_path / "other.so")


def test_a_wheel_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert "is not installed" in _refusal(None)


def test_a_moved_enum_is_found() -> None:
    other = replace(REVISION, enums={"sd_scheduler_name": ("karras", "discrete")})
    assert "sd_scheduler_name answers discrete, karras" in _refusal(None, other)


def test_a_moved_type_is_found() -> None:
    other = replace(REVISION, type_ids={"q8_0": 9})
    assert "its type 9 is not q8_0" in _refusal(None, other)


def test_another_default_is_found() -> None:
    other = replace(REVISION, defaults={"sd_vid_gen_params": {"fps": 24}})
    assert "default sd_vid_gen_params_t.fps is 16, not 24" in _refusal(None, other)


def test_a_field_in_another_place_is_found() -> None:
    moved = {"control_strength": (0.5, "\nstrength of control: 0.50\n")}
    other = replace(REVISION, sentinels={"sd_img_gen_params": moved})
    assert "sd_img_gen_params_t is laid out differently at control_strength" in _refusal(None, other)


def test_a_struct_of_another_size_is_found() -> None:
    other = replace(REVISION, struct_sizes={sd_ctx_params_t: 320})
    assert "sd_ctx_params_t has 280 bytes" in _refusal(None, other)
