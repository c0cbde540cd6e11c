"""A broken line, a restart and a kill cost no byte that was there already."""

import random
from collections.abc import Callable

import pytest

from tests.downloads.conftest import HUGGINGFACE_TOKEN, Environment, download, fetched, files, stored
from tests.downloads.upstream import Upstream, hub, model_bytes, sha256
from tests.server import RunningServer

DATA = model_bytes(4_000_000)
HALF = 2_500_000


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

    def first(request: object) -> None:
        cdn.file(f"/{name}", new, etag=etag)
        old(request)  # type: ignore[arg-type]

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
    file.hold_at = HALF  # type: ignore[attr-defined]
    with server.events() as events:
        job_id = download(server, **body)["download_job_id"]
        events.wait_for("download_progress", lambda data: data["bytes_done"] == HALF)
    end()
    file.go_on.set()  # type: ignore[attr-defined]
    (part,) = server.models_dir.rglob("*.part")
    return job_id, part.stat().st_size


@pytest.mark.parametrize("way", ["kill", "stop"])
def test_a_download_goes_on_where_it_was_when_the_server_ended(
    way: str, environment: Environment, cdn: Upstream, start_server: Callable[..., RunningServer]
) -> None:
    path = f"/{way}.gguf"
    cdn.file(path, DATA)
    server = start_server(env=environment())
    job_id, there = interrupted(server, cdn, path, getattr(server, way), url=cdn.url + path)
    assert HALF - 2**20 <= there <= HALF
    server.start()
    job = server.wait_for_job(job_id)
    assert job["status"] == "completed", job
    assert ranges(cdn, path) == [None, f"bytes={there}-"]
    assert cdn.asked(path)[-1].headers["if-range"] == '"v1"'
    assert files(server) == {f"models/loras/{way}.gguf"}
    assert stored(server, f"{way}.gguf").read_bytes() == DATA
    assert server.wait_for_job(job["job_id"])["result"]["sha256"] == sha256(DATA)


def test_a_gated_file_goes_on_after_a_kill_with_a_new_address_at_the_cdn(
    environment: Environment, hub_site: Upstream, cdn: Upstream, start_server: Callable[..., RunningServer]
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


def test_a_download_that_an_earlier_run_began_leaves_nothing_when_it_is_cancelled(
    environment: Environment, cdn: Upstream, start_server: Callable[..., RunningServer]
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


def test_whatever_the_moment_of_a_kill_the_file_ends_up_whole(
    environment: Environment, cdn: Upstream, start_server: Callable[..., RunningServer]
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
        while not whole.exists() and not (part.exists() and part.stat().st_size >= stop_at):
            assert len(cdn.requests) - before < 10
        server.kill()
        server.start()
        assert server.wait_for_job(job_id)["status"] == "completed"
        assert whole.read_bytes() == data
    assert files(server) == {f"models/loras/random{n}.gguf" for n in range(4)}
