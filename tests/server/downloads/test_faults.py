"""Whatever goes wrong is told in a sentence, and nothing half-written is left in sight."""

import gzip
import os
import resource
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.downloads.conftest import Environment, download, fetched, files, finished, stored
from tests.support.http_upstream import Request, Upstream, civitai, hub, model_bytes, sha256
from tests.support.running_server import RunningServer, StartServer

DATA = model_bytes(300_000)
PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"

Break = Callable[[Upstream], object]


def broken_stream(cdn: Upstream) -> None:
    cdn.file("/fault.gguf", DATA, cuts=[100_000] * 50, ranges=False)


def compressed(cdn: Upstream) -> None:
    cdn.file("/fault.gguf", gzip.compress(DATA), headers={"Content-Encoding": "gzip"})


def named(name: str) -> Break:
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return lambda cdn: cdn.file("/fault.gguf", DATA, headers=disposition)


FAULTS: dict[str, tuple[Break, str]] = {
    "a 401": (lambda cdn: cdn.status("/fault.gguf", 401), "wants to know who asks (401)"),
    "a 403": (lambda cdn: cdn.status("/fault.gguf", 403), "refuses (403)"),
    "a 404": (lambda cdn: cdn.status("/fault.gguf", 404), "does not have this file (404)"),
    "a 418": (lambda cdn: cdn.status("/fault.gguf", 418), "answered 418"),
    "a rate limit of an hour": (
        lambda cdn: cdn.status("/fault.gguf", 429, Retry_After="3600"),
        "asked too often (429); it asks to try again in 3600 s",
    ),
    "a server that stays down": (lambda cdn: cdn.status("/fault.gguf", 503), "given up after 3 tries"),
    "a redirect to itself": (lambda cdn: cdn.redirect("/fault.gguf", "/fault.gguf"), "redirects in a circle"),
    "a redirect to a local file": (
        lambda cdn: cdn.redirect("/fault.gguf", "file:///etc/passwd"),
        "only http and https",
    ),
    "a redirect with a password": (
        lambda cdn: cdn.redirect("/fault.gguf", "http://me:secret@127.0.0.1/"),
        "an address with a password is not allowed",
    ),
    "a page": (lambda cdn: cdn.page("/fault.gguf", PAGE), "a page or a message instead of a model"),
    "a page that claims to be a file": (
        lambda cdn: cdn.page("/fault.gguf", PAGE, "application/octet-stream"),
        "a page or a message instead of a model",
    ),
    "an error as JSON": (lambda cdn: cdn.json("/fault.gguf", {"error": "no"}), "a page or a message"),
    "an empty file": (lambda cdn: cdn.file("/fault.gguf", b""), "sent an empty file"),
    "a line that breaks each time": (broken_stream, "given up after 3 tries"),
    "a file that is packed": (compressed, "sends the file packed with gzip"),
    "a name that leads out": (named("../../evil.gguf"), "leads out of the folder"),
    "an absolute name": (named("/etc/evil.gguf"), "must be relative"),
    "a name of a Windows folder": (named("C:\\\\evil.gguf"), "must be relative"),
    "a reserved name": (named("NUL.gguf"), "reserve"),
    "a hidden name": (named(".evil.gguf"), "hidden"),
    "a name of no model": (named("evil.exe"), "it must end with .safetensors"),
    "a name that is too long": (named("x" * 300 + ".gguf"), "240 bytes"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_other_side_is_told_and_leaves_nothing(
    server: RunningServer, cdn: Upstream, fault: str
) -> None:
    arrange, sentence = FAULTS[fault]
    arrange(cdn)
    before = files(server)
    answer = download(server, url=f"{cdn.url}/fault.gguf", subfolder="faulty")
    job = server.wait_for_job(answer["download_job_id"])
    assert job["status"] == "failed", job
    assert sentence in job["error"]
    assert server.wait_for_job(answer["hash_job_id"])["status"] in ("failed", "cancelled")
    assert files(server) == before
    assert not stored(server, "faulty").exists()


def test_an_endless_chain_of_redirects_is_given_up(server: RunningServer, cdn: Upstream) -> None:
    for n in range(20):
        cdn.redirect(f"/chain{n}", f"/chain{n + 1}")
    job = finished(server, url=f"{cdn.url}/chain0", filename="chain.gguf")
    assert "redirects more than 10 times" in job["error"]


def test_a_server_that_is_not_there_is_told(server: RunningServer) -> None:
    job = finished(server, url="http://127.0.0.1:9/nobody.gguf")
    assert "The connection to 127.0.0.1:9 broke" in job["error"]


def test_a_server_that_asks_to_wait_is_asked_again(server: RunningServer, cdn: Upstream) -> None:
    def busy(request: Request) -> None:
        cdn.file("/busy.gguf", DATA)
        request.reply(429, b"slow down", Retry_After="0")

    cdn.routes["/busy.gguf"] = busy
    fetched(server, url=f"{cdn.url}/busy.gguf")
    assert len(cdn.asked("/busy.gguf")) == 2


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory, environment: Environment) -> Iterator[RunningServer]:
    """A server that waits a second for a byte, and tries once more."""
    env = environment(timeout="1", retries="1")
    with RunningServer(tmp_path_factory.mktemp("impatient"), env=env) as running:
        yield running


def test_a_server_that_falls_silent_is_given_up_and_nothing_stays(
    impatient: RunningServer, cdn: Upstream
) -> None:
    file = cdn.file("/silent.gguf", DATA, hold_at=100_000, ranges=False)
    job = finished(impatient, url=f"{cdn.url}/silent.gguf", subfolder="faulty")
    file.go_on.set()
    assert "nothing came for too long (given up after 2 tries)" in job["error"]
    assert files(impatient) == set()


def test_a_server_that_is_slow_but_never_silent_is_waited_for(
    impatient: RunningServer, cdn: Upstream
) -> None:
    def trickle(request: Request) -> None:
        request.start(200, Content_Type="application/octet-stream", Content_Length=str(len(DATA)))
        for at in range(0, len(DATA), 60_000):
            request.wfile.write(DATA[at : at + 60_000])
            request.wfile.flush()
            pause.wait(0.3)

    # Longer in all than a silence may be.
    pause = threading.Event()
    cdn.routes["/slow.gguf"] = trickle
    fetched(impatient, url=f"{cdn.url}/slow.gguf")
    assert stored(impatient, "slow.gguf").read_bytes() == DATA
    assert len(cdn.asked("/slow.gguf")) == 1


def test_bytes_that_are_not_the_published_ones_are_thrown_away(
    server: RunningServer, civitai_site: Upstream, cdn: Upstream
) -> None:
    civitai(civitai_site, cdn, DATA, sha256="0" * 64)
    before = files(server)
    job = finished(server, model_id="123456", filename="damaged.gguf")
    assert job["error"] == f"damaged.gguf is damaged: its SHA-256 is {sha256(DATA)}, published is {'0' * 64}"
    assert files(server) == before


def test_a_body_without_length_that_ends_early_is_noticed_where_the_size_is_published(
    server: RunningServer, hub_site: Upstream, cdn: Upstream
) -> None:
    blob = hub(hub_site, cdn, DATA, "org/short", "short.gguf")
    cdn.file(blob, DATA[:200_000], length=False, etag=None)
    job = finished(server, repo_id="org/short", filename="short.gguf")
    assert "ended 100000 bytes too early" in job["error"]


def test_a_file_of_another_size_than_published_is_refused_before_it_is_fetched(
    server: RunningServer, hub_site: Upstream, cdn: Upstream
) -> None:
    cdn.file(hub(hub_site, cdn, DATA, "org/other", "other.gguf"), DATA * 2)
    job = finished(server, repo_id="org/other", filename="other.gguf")
    assert "offers 600000 bytes, published are 300000" in job["error"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "One of model_id (CivitAI), repo_id with filename (Hugging Face) or url is required"),
        ({"source": "url"}, "url is required for source url"),
        (
            {"source": "civitai", "url": "http://example.com/x.gguf"},
            "model_id is required for source civitai",
        ),
        ({"repo_id": "org/repo"}, "filename is required for source huggingface"),
        ({"source": "huggingface", "filename": "x.gguf"}, "repo_id is required for source huggingface"),
        ({"url": "http://example.com/x.gguf", "model_id": "5"}, "model_id and url contradict each other"),
        ({"source": "ftp", "url": "http://example.com/x.gguf"}, "source: 'ftp' is not allowed"),
        ({"model_type": "sculpture", "model_id": "5"}, "model_type: 'sculpture' is not allowed"),
        ({"model_type": None, "model_id": "5"}, "model_type is required"),
        ({"model_id": "five"}, "model_id: 'five' is not allowed"),
        ({"url": "ftp://example.com/x.gguf"}, "only http and https"),
        ({"url": "file:///etc/passwd"}, "only http and https"),
        ({"url": "x.gguf"}, "only http and https"),
        ({"url": "https:///x.gguf"}, "names no server"),
        ({"url": "http://me:secret@example.com/x.gguf"}, "an address with a password"),
        ({"url": "http://me:se/cret@example.com/x.gguf"}, "not an address: Invalid port"),
        ({"url": "http://***@example.com/x.gguf"}, "give the whole address"),
        ({"model_id": "https://civitai.com/models/5?token=secret"}, "models/5?token=***' is not allowed"),
        ({"model_id": "5", "filename": "https://h/?token=secret&x=.gguf"}, "token=***"),
        ({"model_id": "5", "subfolder": "../up"}, "subfolder: '../up' is not allowed: it leads out"),
        ({"model_id": "5", "subfolder": "/etc"}, "subfolder: '/etc' is not allowed: it must be relative"),
        ({"model_id": "5", "subfolder": "a//b"}, "a part of it is empty"),
        ({"model_id": "5", "subfolder": ".git"}, "hidden"),
        ({"model_id": "5", "subfolder": "a\\..\\b"}, "leads out"),
        ({"model_id": "5", "filename": "a/../../b.gguf"}, "filename: 'a/../../b.gguf' is not allowed"),
        ({"model_id": "5", "filename": "aux.gguf"}, "reserve"),
        ({"model_id": "5", "filename": "b.py"}, "filename: 'b.py' is not the name of a model"),
        ({"model_id": "5", "filename": "b\n.gguf"}, "characters"),
    ],
)
def test_a_request_that_cannot_be_meant_so_is_refused_naming_the_field(
    server: RunningServer, body: dict[str, Any], sentence: str
) -> None:
    answer = server.http.post("/models/download", json={"model_type": "lora", **body})
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
    assert "secret" not in answer.text


def test_a_file_that_exists_is_never_overwritten(server: RunningServer, cdn: Upstream) -> None:
    cdn.file("/taken.gguf", DATA)
    path = stored(server, "taken.gguf")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"mine")
    answer = server.http.post(
        "/models/download",
        json={"model_type": "lora", "url": f"{cdn.url}/taken.gguf", "filename": "taken.gguf"},
    )
    assert answer.status_code == 400
    assert answer.json()["error"] == "filename: taken.gguf exists already among the models of type lora"
    assert finished(server, url=f"{cdn.url}/taken.gguf")["error"] == "taken.gguf exists already"
    assert path.read_bytes() == b"mine"


def test_a_file_that_appears_while_the_download_runs_is_kept(server: RunningServer, cdn: Upstream) -> None:
    file = cdn.file("/late.gguf", DATA, hold_at=1000)
    job_id = download(server, url=f"{cdn.url}/late.gguf")["download_job_id"]
    cdn.wait_for("/late.gguf")
    stored(server, "late.gguf").write_bytes(b"mine")
    file.go_on.set()
    assert server.wait_for_job(job_id)["error"] == "late.gguf exists already"
    assert stored(server, "late.gguf").read_bytes() == b"mine"
    assert not stored(server, "late.gguf.part").exists()


def test_a_part_that_somebody_else_made_is_left_alone(server: RunningServer, cdn: Upstream) -> None:
    cdn.file("/foreign.gguf", DATA)
    part = stored(server, "foreign.gguf.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(b"of a browser")
    job = finished(server, url=f"{cdn.url}/foreign.gguf")
    assert job["error"] == "foreign.gguf.part exists already, and was not made by this server"
    assert part.read_bytes() == b"of a browser"


def test_one_name_is_not_downloaded_twice_at_once(server: RunningServer, cdn: Upstream) -> None:
    file = cdn.file("/once.gguf", DATA, hold_at=1000)
    first = download(server, url=f"{cdn.url}/once.gguf")["download_job_id"]
    cdn.wait_for("/once.gguf")
    job = finished(server, url=f"{cdn.url}/once.gguf?again")
    assert job["error"] == f"once.gguf is being downloaded already, by job {first}"
    file.go_on.set()
    assert server.wait_for_job(first)["status"] == "completed"
    assert stored(server, "once.gguf").read_bytes() == DATA


def test_a_file_that_will_not_fit_is_not_begun(server: RunningServer, cdn: Upstream) -> None:
    def huge(request: Request) -> None:
        request.start(200, Content_Type="application/octet-stream", Content_Length=str(2**60))

    cdn.routes["/huge.gguf"] = huge
    before = files(server)
    job = finished(server, url=f"{cdn.url}/huge.gguf")
    assert job["error"].startswith(f"The disk is too full: huge.gguf has {2**60} bytes")
    assert files(server) == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB, at `models` below tmp_path."""
    folder = tmp_path / "models"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "small", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_on_the_way_is_told_and_emptied(
    small_disk: Path, environment: Environment, cdn: Upstream, start_server: StartServer
) -> None:
    cdn.file("/filling.gguf", DATA * 10, length=False)
    server = start_server(env=environment())
    job = finished(server, url=f"{cdn.url}/filling.gguf")
    server.stop()
    assert job["error"].startswith("The disk is full:")
    assert files(server) == set()
    assert list(small_disk.iterdir()) == []


def test_a_file_system_that_refuses_large_files_is_told(
    environment: Environment, cdn: Upstream, start_server: StartServer
) -> None:
    cdn.file("/large.gguf", DATA * 30)
    server = start_server(env=environment())
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (8_000_000, 8_000_000))
    job = finished(server, url=f"{cdn.url}/large.gguf")
    assert "could not be written: File too large" in job["error"]
    assert files(server) == set()
