"""A broken line, a restart and a kill cost no byte that was there already."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.server.downloads.conftest import HUGGINGFACE_TOKEN, Environment, download, fetched, files, stored
from tests.support.http_upstream import File, Request, Upstream, hub, model_bytes, sha256
from tests.support.running_server import RunningServer, StartServer

DATA = model_bytes(4_000_000)
HALF = 2_500_000


def size(path: Path) -> int:
    """0 for a file that is not there yet, or not any more."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def ranges(cdn: Upstream, path: str) -> list[str | None]:
    return [request.headers.get("range") for request in cdn.asked(path)]


def test_a_broken_line_is_resumed_where_it_broke(server: RunningServer, cdn: Upstream) -> None:
    cdn.file("/broken.gguf", DATA, cuts=[HALF])
    fetched(server, url=f"{cdn.url}/broken.gguf")
    first, second = cdn.asked("/broken.gguf")
    assert "range" not in first.headers
    assert second.headers["range"] == f"bytes={HALF}-"
    assert second.headers["if-range"] == '"v1"'
    assert stored(server, "broken.gguf").read_bytes() == DATA


def test_a_line_that_breaks_again_and_again_but_goes_on_is_never_given_up(
    server: RunningServer, cdn: Upstream
) -> None:
    cdn.file("/weak.gguf", DATA, cuts=[1_000_000] * 3)
    fetched(server, url=f"{cdn.url}/weak.gguf")
    assert ranges(cdn, "/weak.gguf") == [None, *(f"bytes={n}000000-" for n in (1, 2, 3))]
    assert stored(server, "weak.gguf").read_bytes() == DATA


@pytest.mark.parametrize("etag", ['"v2"', None])
def test_a_file_that_changed_meanwhile_is_fetched_anew(
    server: RunningServer, cdn: Upstream, etag: str | None
) -> None:
    name = f"changed-{etag is None}.gguf"
    new = model_bytes(len(DATA), seed=2)

    def first(request: Request) -> None:
        cdn.file(f"/{name}", new, etag=etag)
        old(request)

    old = cdn.file(f"/{name}", DATA, cuts=[HALF])
    cdn.routes[f"/{name}"] = first
    fetched(server, url=f"{cdn.url}/{name}")
    assert stored(server, name).read_bytes() == new


def test_a_server_that_ignores_ranges_is_asked_for_everything_again(
    server: RunningServer, cdn: Upstream
) -> None:
    cdn.file("/whole.gguf", DATA, ranges=False, cuts=[HALF])
    fetched(server, url=f"{cdn.url}/whole.gguf")
    assert stored(server, "whole.gguf").read_bytes() == DATA


def test_without_a_mark_of_its_version_a_file_is_fetched_anew(server: RunningServer, cdn: Upstream) -> None:
    cdn.file("/unmarked.gguf", DATA, etag=None, cuts=[HALF])
    fetched(server, url=f"{cdn.url}/unmarked.gguf")
    assert ranges(cdn, "/unmarked.gguf") == [None, None]
    assert stored(server, "unmarked.gguf").read_bytes() == DATA


def interrupted(
    server: RunningServer, cdn: Upstream, path: str, end: Callable[[], object], **body: str
) -> tuple[str, int]:
    """Begin a download that stands still in the middle, end the server; its job and the bytes there."""
    file = cdn.routes[path]
    assert isinstance(file, File)
    file.hold_at = HALF
    with server.events() as events:
        job_id = download(server, **body)["download_job_id"]
        events.wait_for("download_progress", lambda data: data["bytes_done"] == HALF)
    end()
    file.go_on.set()
    (part,) = server.models_dir.rglob("*.part")
    return job_id, part.stat().st_size


@pytest.mark.heavy
@pytest.mark.parametrize("way", ["kill", "stop"])
def test_a_download_goes_on_where_it_was_when_the_server_ended(
    way: str, environment: Environment, cdn: Upstream, start_server: StartServer
) -> None:
    path = f"/{way}.gguf"
    cdn.file(path, DATA)
    server = start_server(env=environment())
    job_id, there = interrupted(server, cdn, path, getattr(server, way), url=f"{cdn.url}{path}?token=secret")
    assert HALF - 2**20 <= there <= HALF
    server.start()
    job = server.wait_for_job(job_id)
    assert job["status"] == "completed", job
    assert ranges(cdn, path) == [None, f"bytes={there}-"]
    assert cdn.asked(path)[-1].headers["if-range"] == '"v1"'
    assert {asked.path for asked in cdn.asked(path)} == {f"{path}?token=secret"}
    assert job["params"]["url"] == f"{cdn.url}{path}?token=***"
    assert files(server) == {f"models/loras/{way}.gguf"}
    assert stored(server, f"{way}.gguf").read_bytes() == DATA
    assert server.wait_for_job(job["job_id"])["result"]["sha256"] == sha256(DATA)


@pytest.mark.heavy
def test_a_gated_file_goes_on_after_a_kill_with_a_new_address_at_the_cdn(
    environment: Environment, hub_site: Upstream, cdn: Upstream, start_server: StartServer
) -> None:
    blob = hub(hub_site, cdn, DATA, "org/killed", "deep/killed.gguf", HUGGINGFACE_TOKEN)
    server = start_server(env=environment())
    job_id, there = interrupted(
        server, cdn, blob, server.kill, repo_id="org/killed", filename="deep/killed.gguf"
    )
    server.start()
    assert server.wait_for_job(job_id)["status"] == "completed"
    assert ranges(cdn, blob) == [None, f"bytes={there}-"]
    assert stored(server, "deep/killed.gguf").read_bytes() == DATA


@pytest.mark.heavy
def test_a_download_that_an_earlier_run_began_leaves_nothing_when_it_is_cancelled(
    environment: Environment, cdn: Upstream, start_server: StartServer
) -> None:
    held = [cdn.file(f"/swept{n}.gguf", DATA, hold_at=HALF) for n in range(2)]
    server = start_server(env=environment(parallel="1"))
    interrupted(server, cdn, "/swept0.gguf", server.kill, url=f"{cdn.url}/swept0.gguf")
    held[0].hold_at = HALF + 500_000
    held[0].go_on.clear()
    server.start()
    (job,) = (job for job in server.get("/queue")["items"] if job["type"] == "model_download")
    assert server.http.delete(f"/queue/{job['job_id']}").status_code == 200
    held[1].go_on.set()
    fetched(server, url=f"{cdn.url}/swept1.gguf")
    held[0].go_on.set()
    assert files(server) == {"models/loras/swept1.gguf"}


@pytest.mark.heavy
def test_whatever_the_moment_of_a_kill_the_file_ends_up_whole(
    environment: Environment, cdn: Upstream, start_server: StartServer
) -> None:
    chance = random.Random(20)
    server = start_server(env=environment())
    for n in range(4):
        path = f"/random{n}.gguf"
        data = model_bytes(20_000_000, seed=n)
        cdn.file(path, data)
        before = len(cdn.requests)
        job_id = download(server, url=cdn.url + path)["download_job_id"]
        if chance.random() < 0.7:
            cdn.wait_for(path)
        stop_at = chance.randrange(1, len(data))
        part, whole = stored(server, f"random{n}.gguf.part"), stored(server, f"random{n}.gguf")
        while not whole.exists() and size(part) < stop_at:
            assert len(cdn.requests) - before < 10
        server.kill()
        server.start()
        assert server.wait_for_job(job_id)["status"] == "completed"
        assert whole.read_bytes() == data
    assert files(server) == {f"models/loras/random{n}.gguf" for n in range(4)}


class Shaken:
    """A server that is killed at random moments of a download, and sometimes told to give it up."""

    def __init__(self, server: RunningServer, cdn: Upstream, seed: int) -> None:
        self.server, self.cdn = server, cdn
        self.chance = random.Random(seed)
        self.data = model_bytes(self.chance.randrange(1, 12_000_000), seed)
        self.name = f"shaken{seed}.gguf"
        self.file = stored(server, self.name)

    def run(self) -> str:
        """The state in which the download ends."""
        cuts = [self.chance.randrange(1, len(self.data) + 1) for _ in range(self.chance.randrange(3))]
        self.cdn.file(f"/{self.name}", self.data, cuts=cuts, ranges=self.chance.random() < 0.8)
        job_id = download(self.server, url=f"{self.cdn.url}/{self.name}")["download_job_id"]
        for _ in range(self.chance.randrange(4)):
            self.wait_for_a_moment()
            self.server.kill()
            self.server.start()
        if self.chance.random() < 0.2:
            self.wait_for_a_moment()
            self.server.http.delete(f"/queue/{job_id}")
        return str(self.server.wait_for_job(job_id)["status"])

    def wait_for_a_moment(self) -> None:
        """Until so many bytes are there, or some time has passed: a kill may come before the first byte."""
        part, bytes_there = self.file.with_name(f"{self.name}.part"), self.chance.randrange(len(self.data))
        until = time.monotonic() + self.chance.random()
        while not self.file.exists() and time.monotonic() < until:
            if size(part) > bytes_there:
                return


@pytest.mark.heavy
@pytest.mark.timeout(1800)
def test_random_kills_broken_lines_and_cancels_end_in_the_same_bytes_or_in_nothing(
    environment: Environment, cdn: Upstream, start_server: StartServer
) -> None:
    server = start_server(env=environment())
    ends = set()
    for seed in range(60):
        shaken = Shaken(server, cdn, seed)
        end = shaken.run()
        # A third kill may come between the file's new name and the end of its job, which then fails.
        assert shaken.file.exists() or end != "completed"
        if shaken.file.exists():
            assert shaken.file.read_bytes() == shaken.data, seed
            shaken.file.unlink()
        # What a cancelled download leaves is removed before its runner takes the next one.
        cdn.file("/after.gguf", b"model")
        for _ in range(2):
            fetched(server, url=f"{cdn.url}/after.gguf")
            stored(server, "after.gguf").unlink()
        assert files(server) == set(), (seed, end)
        ends.add(end)
    assert ends == {"completed", "failed", "cancelled"}
