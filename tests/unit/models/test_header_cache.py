import os
from pathlib import Path

import pytest

from sdcpp_restapi.db import Database
from sdcpp_restapi.models import header_cache as module
from sdcpp_restapi.models.header_cache import HeaderCache
from tests.support import stub_models
from tests.support.stub_models import write


async def reading(tmp_path: Path, path: Path) -> str | None:
    """What a server that was just started takes the file for."""
    database = await Database.open(tmp_path / "sdcpp.db")
    try:
        return (await (await HeaderCache.read(database)).get(path)).architecture
    finally:
        await database.close()


def blank(path: Path) -> None:
    """Overwrite a file so that only a reading can tell."""
    status = path.stat()
    path.write_bytes(b"\0" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


async def test_a_header_is_read_once_for_each_version_of_a_file_even_over_restarts(tmp_path: Path) -> None:
    path = write(tmp_path / "x.safetensors", stub_models.flux())
    assert await reading(tmp_path, path) == "Flux"
    blank(path)
    assert await reading(tmp_path, path) == "Flux"
    write(path, stub_models.zimage())
    assert await reading(tmp_path, path) == "Z-Image"


async def test_other_rules_read_every_header_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "x.safetensors", stub_models.flux())
    assert await reading(tmp_path, path) == "Flux"
    blank(path)
    monkeypatch.setattr(module, "RULES", "others")
    assert await reading(tmp_path, path) is None


async def test_a_file_that_cannot_be_read_is_tried_again(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "sdcpp.db")
    facts = await HeaderCache.read(database)
    path = tmp_path / "x.safetensors"
    assert (await facts.get(path)).problem == "it cannot be read: No such file or directory"
    write(path, stub_models.flux())
    assert (await facts.get(path)).architecture == "Flux"
    await database.close()
