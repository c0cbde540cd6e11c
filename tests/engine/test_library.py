"""The self-check accepts what a table of a revision fits, and refuses the rest in one sentence."""

import ctypes
import ctypes.util
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sdcpp_restapi.engine.binding.revision import Revision
from sdcpp_restapi.engine.binding.revisions import INSTALL, REVISIONS, find_revision
from sdcpp_restapi.engine.binding.self_check import COUNTED, open_library
from sdcpp_restapi.engine.binding.suppliers import LIBRARIES, find_library
from sdcpp_restapi.errors import EngineUnusable

_CODE = find_library().read_bytes()
INSTALLED = next(one for one in REVISIONS if one.commit.encode() in _CODE)
"""Of the wheel that the tests run with, as its code has it: whether the table fits is what is tested."""
OTHERS = tuple(one for one in REVISIONS if one is not INSTALLED)
LATER = b"abcdef0"


def _refusal(path: Path | str | None, *revisions: Revision, trust_unknown: bool = False) -> str:
    with pytest.raises(EngineUnusable) as caught:
        open_library(
            None if path is None else str(path), trust_unknown=trust_unknown, revisions=revisions or REVISIONS
        )
    message = str(caught.value)
    assert message.endswith(INSTALL)
    assert "\n" not in message
    return message


@pytest.fixture
def rename_commit(tmp_path: Path) -> Callable[[bytes], Path]:
    """A copy of the installed library that calls itself by another commit."""

    def rename(commit: bytes) -> Path:
        original = find_library().read_bytes()
        assert original.count(INSTALLED.commit.encode()) >= 1
        copy = tmp_path / f"{commit.decode()}.so"
        copy.write_bytes(original.replace(INSTALLED.commit.encode(), commit))
        return copy

    return rename


def test_the_installed_library_passes() -> None:
    assert open_library().read_string("sd_commit") == INSTALLED.commit


def test_the_check_prints_nothing_and_does_not_import_the_wheels_package() -> None:
    code = (
        "import sys; from sdcpp_restapi.engine.binding.self_check import open_library; open_library(None);"
        "assert not {m for m in sys.modules if m.split('.')[0] in"
        " ('cyllama', 'inferna', 'numpy', 'fastapi', 'starlette', 'sqlite3', 'uvicorn')}, sorted(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda one: one.commit)
def test_every_table_is_whole(revision: Revision) -> None:
    assert find_revision(revision.commit) is revision
    for name, size in revision.struct_sizes.items():
        assert ctypes.sizeof(revision.structs[name]) == size
    for sentinels in revision.sentinels.values():
        lines = [line for _, line in sentinels.values()]
        assert len(set(lines)) == len(lines)
    for table in (revision.defaults, revision.sentinels, COUNTED):
        for name, fields in table.items():
            known = {field for field, _ in revision.fields[name]}
            assert {path.partition(".")[0] for path in fields} <= known
    assert set(revision.log_levels) == {"debug", "info", "warning", "error"}


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
    assert "it has no function sd_commit" in _refusal(other)


@pytest.mark.parametrize("other", OTHERS, ids=lambda one: one.commit)
def test_a_library_that_calls_itself_by_another_known_commit_is_refused(
    rename_commit: Callable[[bytes], Path], other: Revision
) -> None:
    assert f"is not stable-diffusion.cpp {other.commit} as it is known" in _refusal(
        rename_commit(other.commit.encode()), trust_unknown=True
    )


def test_an_unknown_commit_is_refused_unless_it_is_trusted_and_looks_like_a_known_one(
    rename_commit: Callable[[bytes], Path],
) -> None:
    unknown = rename_commit(LATER)
    assert f"but looks like {INSTALLED.commit}: set engine.trust_unknown to true" in _refusal(unknown)
    assert open_library(str(unknown), trust_unknown=True).revision is INSTALLED


def test_an_unknown_commit_that_no_table_fits_is_refused_even_where_it_is_trusted(
    rename_commit: Callable[[bytes], Path],
) -> None:
    told = _refusal(rename_commit(LATER), *OTHERS, trust_unknown=True)
    assert "calls itself stable-diffusion.cpp abcdef0, which is none of" in told
    assert "bytes, not" in told


def test_names_that_a_later_revision_appends_are_no_obstacle_where_it_is_trusted(
    rename_commit: Callable[[bytes], Path],
) -> None:
    shorter = replace(INSTALLED, names=replace(INSTALLED.names, samplers=INSTALLED.names.samplers[:-1]))
    unknown = rename_commit(LATER)
    assert open_library(str(unknown), trust_unknown=True, revisions=(shorter,)).revision is shorter
    assert "sd_sample_method_name also answers" in _refusal(None, shorter)


def test_a_wheel_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert "is not installed" in _refusal(None)


def test_the_second_supplier_is_found_where_the_first_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "inferna" / "sd" / "_sd_native.abi3.so"
    library.parent.mkdir(parents=True)
    library.touch()
    (tmp_path / "inferna" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_library(("inferna",)) == library
    monkeypatch.setitem(LIBRARIES, "a_package_that_is_missing", "")
    assert find_library(("a_package_that_is_missing", "inferna")) == library


def test_a_moved_enum_is_found() -> None:
    other = replace(INSTALLED, names=replace(INSTALLED.names, schedulers=("karras", "discrete")))
    assert "sd_scheduler_name answers discrete, karras" in _refusal(None, other)


def test_a_moved_type_is_found() -> None:
    other = replace(INSTALLED, type_ids={"q8_0": 9})
    assert "its type 9 is not q8_0" in _refusal(None, other)


def test_another_default_is_found() -> None:
    other = replace(INSTALLED, defaults={"sd_vid_gen_params": {"fps": 24}})
    assert "default sd_vid_gen_params_t.fps is 16, not 24" in _refusal(None, other)


def test_a_field_in_another_place_is_found() -> None:
    moved = {"control_strength": (0.5, "\nstrength of control: 0.50\n")}
    other = replace(INSTALLED, sentinels={"sd_img_gen_params": moved})
    assert "sd_img_gen_params_t is laid out differently at control_strength" in _refusal(None, other)


def test_a_struct_of_another_size_is_found() -> None:
    (other,) = (one for one in REVISIONS if one.commit == "3f8527a")
    told = _refusal(None, replace(other, commit=INSTALLED.commit))
    assert "bytes, not" in told
