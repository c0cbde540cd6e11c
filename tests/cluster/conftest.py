"""A broker for each module; for each test a server without an engine and workers with scripted ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import Broker
from tests.support.cluster_site import Site


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One broker; tests keep apart by their prefixes."""
    with Broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, broker: Broker) -> Iterator[Site]:
    """An empty site; whatever the test starts is ended with it."""
    with Site(tmp_path, broker.url) as place:
        yield place
