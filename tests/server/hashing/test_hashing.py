"""The hash of a model: right, computed once, remembered as long as the file stays the same."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.running_server import RunningServer, StartServer
from tests.support.server_setup import ServerSetup

# Takes about half a second to hash, and a moment to make.
LARGE = 600_000_000

SERVER = ServerSetup()


def put(server: RunningServer, name: str, data: bytes) -> Path:
    path = server.models_dir / "checkpoints" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def put_large(server: RunningServer, name: str) -> tuple[Path, str]:
    """A sparse file: large to read, quick to make; its hash."""
    path = put(server, name, name.encode())
    os.truncate(path, LARGE)
    with path.open("rb") as file:
        return path, hashlib.file_digest(file, "sha256").hexdigest()


def hash_of(server: RunningServer, name: str) -> str:
    return str(server.get(f"/models/hash/checkpoint/{quote(name, safe='')}")["hash"])


def shown(server: RunningServer, name: str) -> str | None:
    listed: list[dict[str, Any]] = server.get("/models", type="checkpoint")["checkpoints"]
    found: str | None = next(model["hash"] for model in listed if model["name"] == name)
    return found


def test_a_hash_is_answered_as_documented(server: RunningServer) -> None:
    put(server, "SD1x/realistic.safetensors", b"model")
    assert server.get("/models/hash/checkpoint/SD1x%2Frealistic.safetensors") == {
        "model_name": "SD1x/realistic.safetensors",
        "model_type": "checkpoint",
        "hash": hashlib.sha256(b"model").hexdigest(),
    }
    assert hash_of(server, "SD1x/realistic.safetensors") == hashlib.sha256(b"model").hexdigest()
    assert server.get("/models/hash/checkpoint/SD1x/realistic.safetensors")["hash"]


def test_a_hash_shows_in_the_listing_from_then_on(server: RunningServer) -> None:
    put(server, "listed.safetensors", b"listed")
    server.post("/models/refresh")
    assert shown(server, "listed.safetensors") is None
    digest = hash_of(server, "listed.safetensors")
    assert shown(server, "listed.safetensors") == digest


@pytest.mark.parametrize(
    "name", ["nobody.safetensors", "../../data/sdcpp.db", "/etc/passwd", "a%00b.gguf", "%2e%2e/x"]
)
def test_a_model_that_does_not_exist_is_a_404(server: RunningServer, name: str) -> None:
    answer = server.http.get(f"/models/hash/checkpoint/{quote(name, safe='')}")
    assert answer.status_code == 404
    assert answer.json()["error"] == f"Model not found: {name}"


def test_a_type_that_does_not_exist_is_a_400(server: RunningServer) -> None:
    answer = server.http.get("/models/hash/sculpture/x.safetensors")
    assert answer.status_code == 400
    assert "model_type: 'sculpture' is not allowed" in answer.json()["error"]


def test_an_odd_name_is_found(server: RunningServer) -> None:
    put(server, "50% größer & more?#1.safetensors", b"odd")
    assert hash_of(server, "50% größer & more?#1.safetensors") == hashlib.sha256(b"odd").hexdigest()


@pytest.mark.parametrize("new", [b"other", b"longer than before"])
def test_a_changed_file_is_hashed_again(server: RunningServer, new: bytes) -> None:
    path = put(server, "changing.safetensors", b"first")
    os.utime(path, ns=(1, 1))
    assert hash_of(server, "changing.safetensors") == hashlib.sha256(b"first").hexdigest()
    path.write_bytes(new)
    assert hash_of(server, "changing.safetensors") == hashlib.sha256(new).hexdigest()
    server.post("/models/refresh")
    assert shown(server, "changing.safetensors") == hashlib.sha256(new).hexdigest()


def test_a_file_that_changed_loses_its_hash_in_the_listing(server: RunningServer) -> None:
    path = put(server, "stale.safetensors", b"first")
    os.utime(path, ns=(1, 1))
    hash_of(server, "stale.safetensors")
    path.write_bytes(b"other")
    server.post("/models/refresh")
    assert shown(server, "stale.safetensors") is None


def test_a_link_is_hashed_under_its_own_name(server: RunningServer) -> None:
    target = put(server, "target.safetensors", b"target")
    target.with_name("link.safetensors").symlink_to(target)
    assert hash_of(server, "link.safetensors") == hashlib.sha256(b"target").hexdigest()


def test_hashes_survive_a_restart_and_are_not_computed_again(
    start_server: StartServer,
) -> None:
    server = start_server()
    path = put(server, "kept.safetensors", b"kept!")
    status = path.stat()
    digest = hash_of(server, "kept.safetensors")
    server.restart()
    assert shown(server, "kept.safetensors") == digest
    # Another content with the same size and time stamps: only somebody who reads it would notice.
    path.write_bytes(b"other")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert hash_of(server, "kept.safetensors") == digest


def test_other_requests_are_answered_while_a_large_file_is_hashed(server: RunningServer) -> None:
    _, digest = put_large(server, "large.safetensors")
    with ThreadPoolExecutor() as threads:
        hashing = threads.submit(hash_of, server, "large.safetensors")
        answered = 0
        while not hashing.done():
            server.get("/health")
            answered += 1
        assert hashing.result() == digest
    assert answered > 10


def read_bytes(server: RunningServer) -> int:
    """Bytes that the server's process has read so far."""
    text = Path(f"/proc/{server.process.pid}/io").read_text()
    return int(text.partition("rchar: ")[2].split()[0])


def test_many_who_ask_for_one_file_share_the_work(server: RunningServer) -> None:
    _, digest = put_large(server, "shared.safetensors")
    before = read_bytes(server)
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(lambda _: hash_of(server, "shared.safetensors"), range(8))) == {digest}
    assert LARGE <= read_bytes(server) - before < LARGE + 50_000_000


def test_a_client_that_leaves_does_not_stop_the_hash_for_others(server: RunningServer) -> None:
    _, digest = put_large(server, "left.safetensors")

    def leave() -> None:
        with server.http.stream("GET", "/models/hash/checkpoint/left.safetensors", timeout=0.05):
            pass

    with ThreadPoolExecutor() as threads:
        left = threads.submit(leave)
        staying = threads.submit(hash_of, server, "left.safetensors")
        with pytest.raises(Exception, match="timed out"):
            left.result()
        assert staying.result() == digest
