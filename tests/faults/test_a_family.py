"""A family shares a server over TLS: keys, quotas, a new certificate, a backup that runs elsewhere, metrics.

It begins with the database of the first release, and draws with the real engine.
"""

import json
import socket
import sqlite3
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from websockets.sync.client import connect

from tests.support.certificates import Authority
from tests.support.command import sdcpp
from tests.support.keyed_clients import add_key, refusal
from tests.support.old_databases import build_database
from tests.support.running_server import Events, RunningServer, of_job
from tests.support.tiny_models import build

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

ROOT_KEY = "the-key-of-the-settings"
FOLDERS = ("--data-dir", "data", "--output-dir", "output")
PICTURE: dict[str, Any] = {"prompt": "a cat", "width": 128, "height": 128, "steps": 2, "seed": 7}
parse: Callable[[str], Iterable[Metric]] = text_string_to_metric_families


class Person:
    """Somebody with a key, at any server of the family."""

    def __init__(self, key: str, trusted: ssl.SSLContext) -> None:
        self.key = key
        self.trusted = trusted
        self.made = 0

    def at(self, server: RunningServer) -> httpx.Client:
        url = f"https://localhost:{server.port}"
        return httpx.Client(base_url=url, verify=self.trusted, headers={"X-API-Key": self.key}, timeout=60)

    def draw(self, server: RunningServer, **fields: Any) -> httpx.Response:
        with self.at(server) as http:
            answer = http.post("/txt2img?wait=60", json=PICTURE | fields)
        self.made += answer.status_code == 200
        return answer

    @contextmanager
    def listen(self, server: RunningServer) -> Iterator[Events]:
        address = f"wss://localhost:{server.port}/ws?previews=false"
        headers = {"X-API-Key": self.key}
        with connect(
            address, ssl=self.trusted, additional_headers=headers, proxy=None, max_queue=None
        ) as one:
            yield Events(one)


class Family:
    """The server's folder, its certificate, and who has a key."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.authority = Authority(root)
        self.cert, self.key = self.authority.issue("site", "localhost")
        self.chief = Person(ROOT_KEY, self.authority.trust())
        self.model = build("sd1").install(root / "home" / "models")

    @contextmanager
    def serve(self, folder: Path) -> Iterator[RunningServer]:
        settings = {
            "SDCPP_SERVER_TLS_CERT": str(self.cert),
            "SDCPP_SERVER_TLS_KEY": str(self.key),
            "SDCPP_SERVER_API_KEYS": ROOT_KEY,
        }
        with RunningServer(folder, env=settings) as server:
            with self.chief.at(server) as server.http:
                yield server
            assert server.stop() == 0
            assert not server.tracebacks()

    def invite(self, server: RunningServer, name: str, scope: str, user: str | None) -> Person:
        if user is not None:
            server.post("/users", {"name": user}, expect=201)
        return Person(add_key(server, name, scope, user), self.authority.trust())

    def serial(self, server: RunningServer) -> str:
        """The number of the certificate that a new connection gets."""
        with (
            socket.create_connection(("127.0.0.1", server.port)) as raw,
            self.authority.trust().wrap_socket(raw, server_hostname="localhost") as secure,
        ):
            told = secure.getpeercert()
        assert told is not None
        return str(told["serialNumber"])


@pytest.fixture
def family(tmp_path: Path) -> Family:
    family = Family(tmp_path)
    database = tmp_path / "home" / "data" / "sdcpp.db"
    database.parent.mkdir(parents=True)
    build_database(database, version=1)
    with closing(sqlite3.connect(database)) as db:
        outputs = [path for (text,) in db.execute("SELECT outputs FROM jobs") for path in json.loads(text)]
    for path in outputs:
        file = tmp_path / "home" / "output" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"a picture of the first release")
    return family


def measure(server: RunningServer, name: str, **labels: str) -> float:
    """The sum of a metric over what has these labels."""
    text = server.http.get("/metrics").text
    samples = [one for metric in parse(text) for one in metric.samples if one.name == name]
    return sum(one.value for one in samples if labels.items() <= one.labels.items())


def test_a_family_shares_a_server(family: Family, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with family.serve(home) as server:
        old = {job["job_id"] for job in server.get("/queue", status="completed")["items"]}
        assert old, "the jobs of the first release are gone"
        server.post("/models/load", {**family.model, "options": {"n_threads": 1}})
        anna = family.invite(server, "anna-phone", "generate", "anna")
        bert = family.invite(server, "bert-laptop", "generate", "bert")
        guest = family.invite(server, "hall-frame", "read", None)

        check_scopes(server, family, anna, guest)
        check_pending_quota(server, anna, bert)
        check_disk_quota(server, bert)
        renew_certificate(server, family, anna)
        running, kept = back_up_while_a_job_runs(server, anna, tmp_path)

        completed = anna.made + bert.made
        assert measure(server, "sdcpp_jobs_ended_total", status="completed") == completed
        assert measure(server, "sdcpp_job_duration_seconds_count") == completed
        assert measure(server, "sdcpp_model_loads_total") == 1
        assert measure(server, "sdcpp_engine_losses_total") == 0
        picture = server.http.get(f"/output/{kept}").content

    there = tmp_path / "there"
    there.mkdir()
    ended = sdcpp("restore", str(tmp_path / "backups"), *FOLDERS, folder=there)
    assert ended.returncode == 0, ended.stderr
    (there / "models").symlink_to(home / "models")
    with family.serve(there) as other, anna.at(other) as http:
        with anna.listen(other) as events:
            job = http.get(f"/queue/{running}").json()
            while job["status"] not in ("completed", "failed", "cancelled"):
                events.wait_for("job_status_changed", of_job(running))
                job = http.get(f"/queue/{running}").json()
        assert job["status"] == "completed", job
        assert http.get(f"/output/{kept}").content == picture
        with bert.at(other) as theirs:
            assert theirs.get(f"/output/{kept}").status_code == 404
        assert old <= {one["job_id"] for one in other.get("/queue", status="completed", limit=1000)["items"]}


def check_scopes(server: RunningServer, family: Family, anna: Person, guest: Person) -> None:
    """Each may do what the scope says, and what is drawn is seen by whose it is and the chief."""
    with guest.at(server) as looking, anna.at(server) as drawing:
        assert refusal(looking.post("/txt2img", json=PICTURE)) == (403, "scope_missing")
        assert refusal(drawing.post("/models/load", json=family.model)) == (403, "scope_missing")
        assert looking.get("/models").status_code == 200
        job = anna.draw(server).json()
        assert job["status"] == "completed"
        assert looking.get(f"/queue/{job['job_id']}").status_code == 404
    assert server.get(f"/queue/{job['job_id']}")["user"] == "anna"


def check_pending_quota(server: RunningServer, anna: Person, bert: Person) -> None:
    """Two jobs of anna's may wait; a third is refused until one has run."""
    server.http.put("/users/anna", json={"max_pending": 2}).raise_for_status()
    server.post("/queue/pause")
    with anna.at(server) as http, anna.listen(server) as events:
        waiting = [http.post("/txt2img", json=PICTURE).json()["job_id"] for _ in range(2)]
        assert refusal(http.post("/txt2img", json=PICTURE)) == (429, "quota_reached")
        server.post("/queue/resume")
        for job_id in waiting:
            ends = of_job(job_id)
            while events.wait_for("job_status_changed", ends)["status"] != "completed":
                pass
            anna.made += 1
    assert anna.draw(server).status_code == 200
    assert bert.draw(server).status_code == 200


def check_disk_quota(server: RunningServer, bert: Person) -> None:
    """Bert's pictures fill what he may have; deleting for good makes room."""
    with bert.at(server) as http:
        (first,) = http.get("/queue").json()["items"]
        size = len(http.get(f"/output/{first['outputs'][0]}").content)
        server.http.put("/users/bert", json={"max_gigabytes": 2.5 * size / 1e9}).raise_for_status()
        # Sizes are measured after a moment, in which more jobs may be taken.
        for seed in range(200):
            answer = bert.draw(server, seed=seed)
            if answer.status_code != 200:
                break
        assert refusal(answer) == (429, "quota_reached")
        own = [job["job_id"] for job in http.get("/queue").json()["items"]]
        assert len(own) >= 2
        gone = http.request("DELETE", "/queue/jobs", json={"job_ids": own, "purge": True})
        assert sorted(gone.json()["deleted"]) == sorted(own)
    assert bert.draw(server).status_code == 200


def renew_certificate(server: RunningServer, family: Family, anna: Person) -> None:
    """New connections get the new one; whoever listens hears on."""
    before = family.serial(server)
    with anna.listen(server) as events:
        family.authority.issue("site", "localhost")
        assert family.serial(server) != before
        job = anna.draw(server).json()
        events.wait_for("job_status_changed", of_job(job["job_id"]))


def back_up_while_a_job_runs(server: RunningServer, anna: Person, folder: Path) -> tuple[str, str]:
    """The job that ran meanwhile, and a picture of an earlier one."""
    kept = anna.draw(server, seed=11).json()["outputs"][0]
    with anna.at(server) as http, anna.listen(server) as events:
        running = http.post("/txt2img", json=PICTURE | {"steps": 200}).json()["job_id"]
        events.wait_for("job_progress", lambda data: data["job_id"] == running)
        ended = sdcpp("backup", str(folder / "backups"), *FOLDERS, folder=server.root)
        assert ended.returncode == 0, ended.stderr
        http.delete(f"/queue/{running}").raise_for_status()
        ends = of_job(running)
        while events.wait_for("job_status_changed", ends)["status"] != "cancelled":
            pass
    assert json.loads(next((folder / "backups").glob("*/manifest.json")).read_text())["missing"] == []
    return running, kept
