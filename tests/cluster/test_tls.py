"""A broker with certificates: who shows none, or one that nobody knows, is not let in."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.support.broker import Broker
from tests.support.cluster_site import SHORT, Site
from tests.support.running_worker import Worker


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: `ca.pem`, certificates with their keys for the broker and for us, and a `foreign.pem`."""
    folder = tmp_path_factory.mktemp("papers")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    for name in ("broker", "ours"):
        issued = authority.issue_cert("127.0.0.1", "localhost")
        issued.private_key_pem.write_to_path(folder / f"{name}.key")
        for part in issued.cert_chain_pems:
            part.write_to_path(folder / f"{name}.pem", append=True)
    trustme.CA().cert_pem.write_to_path(folder / "foreign.pem")
    return folder


@pytest.fixture(scope="module")
def strict_site(papers: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server whose broker wants to see a certificate, and one worker."""
    root = tmp_path_factory.mktemp("strict")
    shown = ("--tlscert", str(papers / "broker.pem"), "--tlskey", str(papers / "broker.key"))
    wanted = ("--tlsverify", "--tlscacert", str(papers / "ca.pem"), *shown)
    with Broker(root / "store", *wanted) as broker, Site(root, broker.url) as site:
        site.env |= {
            "SDCPP_CLUSTER_TLS_CA": str(papers / "ca.pem"),
            "SDCPP_CLUSTER_TLS_CERT": str(papers / "ours.pem"),
            "SDCPP_CLUSTER_TLS_KEY": str(papers / "ours.key"),
        }
        site.serve()
        site.work("one")
        yield site


def test_jobs_go_through_a_broker_that_wants_to_see_certificates(strict_site: Site) -> None:
    strict_site.load()
    assert strict_site.server.make(**SHORT)["worker"] == "one"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"SDCPP_CLUSTER_TLS_CA": "foreign.pem"}, "certificate verify failed"),
        ({"SDCPP_CLUSTER_TLS_CERT": "", "SDCPP_CLUSTER_TLS_KEY": ""}, "broker: .*(certificate|reset|closed)"),
    ],
)
def test_who_cannot_be_trusted_is_told_so_and_is_not_there(
    strict_site: Site, papers: Path, changed: dict[str, str], said: str
) -> None:
    site = strict_site
    env = {name: str(papers / value) if value else "" for name, value in changed.items()}
    env |= site.engine("good")
    stranger = site.keep(Worker(site.broker_url, site.root, "stranger", env=site.env | env))
    stranger.wait_for_log(f"(?i){said}")
    assert [worker["name"] for worker in site.server.get("/workers")["workers"]] == ["one"]
    assert stranger.stop() == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tls_ca": "none.pem"}, "cluster.tls_ca: .*none.pem: No such file or directory"),
        ({"tls_ca": "text.pem"}, "cluster.tls_ca: .*text.pem: no certificate or key in PEM form"),
        (
            {"tls_cert": "ours.pem", "tls_key": "broker.key"},
            "cluster.tls_cert: .*don't belong together",
        ),
        ({"tls_key": "ours.key"}, "cluster.tls_key is of no use without cluster.tls_cert"),
        ({"credentials": "none.creds"}, "cluster.credentials: .*none.creds: No such file"),
        ({"credentials": "text.pem"}, "cluster.credentials: .*text.pem holds no NATS USER JWT"),
    ],
)
def test_papers_that_cannot_be_used_end_the_start_with_a_sentence(
    papers: Path, tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    # Server and worker read them in the same way.
    command = "worker" if "tls_ca" in settings else "serve"
    (papers / "text.pem").write_text("a shopping list")
    env = {f"SDCPP_CLUSTER_{name.upper()}": str(papers / value) for name, value in settings.items()}
    ran = subprocess.run(
        [sys.executable, "-m", "sdcpp_restapi", command, "--nats", "nats://127.0.0.1:1"],
        cwd=tmp_path,
        env=env | {"SDCPP_ENGINE_DEVICES": "[]", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ran.returncode == 2, ran.stderr
    assert "Traceback" not in ran.stderr
    assert re.search(said, ran.stderr), ran.stderr
