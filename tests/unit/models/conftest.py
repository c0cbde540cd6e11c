from collections.abc import Callable
from pathlib import Path

import pytest

from sdcpp_restapi.models.catalog import Catalog
from sdcpp_restapi.schemas.model_types import TYPE_NAMES

Put = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Writes a file `type/name` of so many bytes."""

    def write(name: str, size: int = 1) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\0" * size)
        return path

    return write


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """One folder per type below tmp_path, none of which exists yet; every question looks at the disk."""
    return Catalog({kind: tmp_path / kind for kind in TYPE_NAMES}, refresh_after=0)
