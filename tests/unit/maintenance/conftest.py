"""Fixtures: data of a server that does not run."""

from pathlib import Path

import pytest

from .data import Data


@pytest.fixture
def data(tmp_path: Path) -> Data:
    """Four jobs with a file each, one of them in the trash."""
    return Data(tmp_path)
