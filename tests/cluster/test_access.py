"""Brokers that want to know who is there: what the documentation shows is tried word for word."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import Broker
from tests.support.cluster_site import SHORT, Site
from tests.support.running_worker import Worker

pytestmark = pytest.mark.heavy

PAGE = Path(__file__).parents[2] / "docs/howto/several-machines.md"


def configuration() -> str:
    """The configuration of a broker on the page."""
    (found,) = re.findall(r"```conf\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    return str(found)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Broker]:
    """The broker of the page."""
    text = configuration().replace("listen: 0.0.0.0:4222\n", "").replace('{ store_dir: "nats" }', "enabled")
    (tmp_path / "broker.conf").write_text(text)
    with Broker(tmp_path / "store", "-c", str(tmp_path / "broker.conf")) as broker:
        yield broker


@pytest.fixture
def guarded_site(guarded: Broker, tmp_path: Path) -> Iterator[Site]:
    """A server that the broker knows."""
    with Site(tmp_path, guarded.url) as place:
        place.env["SDCPP_CLUSTER_PREFIX"] = "sdcpp"
        place.serve(cluster_user="server", cluster_password="first-secret")
        yield place


def test_a_worker_with_the_documented_permissions_does_its_work(guarded_site: Site) -> None:
    site = guarded_site
    worker = site.work("one", cluster_user="worker", cluster_password="second-secret")
    site.load()
    assert site.server.make(**SHORT)["worker"] == "one"
    assert not [line for line in worker.log if "ermissions" in line]


def test_who_knows_no_password_is_told_so_and_is_not_there(guarded_site: Site) -> None:
    site = guarded_site
    stranger = site.keep(Worker(site.broker_url, site.root, "stranger", env=site.env | site.engine("good")))
    stranger.wait_for_log("(?i)authorization")
    assert site.server.get("/workers") == {"workers": []}
