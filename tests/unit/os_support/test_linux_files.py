"""What Linux tells in files, and what is assumed where it does not."""

from pathlib import Path

import pytest

from sdcpp_restapi.os_support import linux_files


@pytest.fixture(autouse=True)
def _forget_boot_id() -> None:
    linux_files.read_boot_id.cache_clear()


def test_a_system_without_these_files_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BOOT_ID", "CPUS", "GRAPHICS_CARDS"):
        monkeypatch.setattr(linux_files, name, tmp_path / "none")
    assert linux_files.read_boot_id() == ""
    assert linux_files.list_amd_memory() == []
    assert not linux_files.has_avx_512()


def test_amd_s_cards_tell_their_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for card, text in {"card0": "1073741824\n", "card1": "unknown\n"}.items():
        folder = tmp_path / card / "device"
        folder.mkdir(parents=True)
        (folder / "mem_info_vram_total").write_text(text)
    monkeypatch.setattr(linux_files, "GRAPHICS_CARDS", tmp_path)
    assert linux_files.list_amd_memory() == [2**30]


@pytest.mark.parametrize(("flags", "has"), [("fpu avx2 avx512f", True), ("fpu avx2", False)])
def test_avx_512_is_read_from_the_flags_of_the_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, has: bool
) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(f"flags\t\t: {flags}\n")
    monkeypatch.setattr(linux_files, "CPUS", file)
    assert linux_files.has_avx_512() is has
