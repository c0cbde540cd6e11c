"""A broker for each module; for each test a server without an engine and workers with scripted ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import Broker
from tests.support.cluster_site import Site


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One broker; tests keep apart by their prefixes."""
    running = Broker(tmp_path_factory.mktemp("broker"))
    yield running
    running.stop()


@pytest.fixture
def site(tmp_path: Path, broker: Broker) -> Iterator[Site]:
    """An empty site; whatever the test starts is ended with it."""
    place = Site(tmp_path, broker.url)
    yield place
    place.close()
    # pytest shows this beside a failure.
    print("\n".join(["--- log of the server", *place.server.log[-60:]]))
    for name, worker in place.workers.items():
        print("\n".join([f"--- log of {name}", *worker.log[-30:]]))
    assert place.tracebacks() == []
