"""GET /output: results and nothing else."""

import json
import os
from pathlib import Path

import pytest

from tests.support.images import encoded
from tests.support.raw_requests import request
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import SCRIPTED, SHORT, serving
from tests.support.server_setup import ServerSetup

PICTURE = encoded()
NAMES = [
    "plain.png",
    "ünï çødé 新.png",
    "emoji 🐈.png",
    "a&b<c>'d'.png",
    "percent %41 #1?.png",
    "..hidden..png",
]

SERVER = ServerSetup(scripted=True, loads=[SCRIPTED])


@pytest.fixture(scope="module")
def root(root: Path) -> Path:
    """One job's folder, some names and some links that lead out of it."""
    job = root / "output" / "job"
    (job / ".thumbs").mkdir(parents=True)
    for name in NAMES:
        (job / name).write_bytes(PICTURE)
    (job / ".secret.png").write_bytes(PICTURE)
    (job / ".thumbs" / "plain.jpg").write_bytes(b"thumb")
    (root / "secret.txt").write_text("SECRET")
    (job / "link.txt").symlink_to(root / "secret.txt")
    (job / "up").symlink_to(root)
    (job / "inside.png").symlink_to(job / "plain.png")
    return root


def test_a_file_is_served_with_its_type_and_bytes(server: RunningServer) -> None:
    answer = server.http.get("/output/job/plain.png")
    assert (answer.status_code, answer.content) == (200, PICTURE)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-length"] == str(len(PICTURE))
    assert "etag" in answer.headers
    assert "last-modified" in answer.headers
    assert "max-age" in answer.headers["cache-control"]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_name_is_served(server: RunningServer, name: str) -> None:
    quoted = "".join(f"%{byte:02X}" for byte in name.encode())
    answer = request(server, f"/output/job/{quoted}")
    hidden = name.startswith(".")
    assert answer.status == (404 if hidden else 200)
    assert (answer.body == PICTURE) is not hidden


def test_a_link_that_stays_inside_is_served(server: RunningServer) -> None:
    assert server.http.get("/output/job/inside.png").content == PICTURE


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        ("bytes=0-9", 206, PICTURE[:10]),
        ("bytes=10-", 206, PICTURE[10:]),
        ("bytes=-7", 206, PICTURE[-7:]),
        ("bytes=5-1000000", 206, PICTURE[5:]),
        ("BYTES = 0-9 ,", 206, PICTURE[:10]),
        (f"bytes=5-{'9' * 900}", 206, PICTURE[5:]),
        ("lines=1-2", 200, PICTURE),
        ("lines=1000000-", 200, PICTURE),
        ("bytes=abc", 200, PICTURE),
        ("bytes=0-9, x", 200, PICTURE),
        ("bytes=5-2", 200, PICTURE),
        ("bytes=-", 200, PICTURE),
        ("bytes=", 200, PICTURE),
        ("bytes=1-\u0663", 200, PICTURE),
        (f"bytes={'9' * 9000}-", 200, PICTURE),
        ("garbage", 200, PICTURE),
        ("", 200, PICTURE),
    ],
)
def test_a_range_is_answered_with_that_part(
    server: RunningServer, asked: str, status: int, expected: bytes
) -> None:
    answer = server.http.get("/output/job/plain.png", headers={b"range": asked.encode()})
    assert (answer.status_code, answer.content) == (status, expected)
    if status == 206:
        start = PICTURE.index(expected)
        assert answer.headers["content-range"] == f"bytes {start}-{start + len(expected) - 1}/{len(PICTURE)}"


@pytest.mark.parametrize("path", ["/output/job/plain.png", "/ui/", "/static-offline-docs/favicon.png"])
@pytest.mark.parametrize("asked", ["bytes=1000000-", "bytes=-0", f"bytes={'9' * 900}-"])
def test_a_part_that_a_file_does_not_have_is_refused_with_its_size(
    server: RunningServer, path: str, asked: str
) -> None:
    size = len(server.http.get(path).content)
    answer = server.http.get(path, headers={"range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{size}"
    told = answer.json()
    assert (told["code"], told["field"]) == ("range_not_satisfiable", "Range")
    assert asked[:60] in told["error"]
    assert f"{size} bytes" in told["error"]


def test_only_get_has_ranges(server: RunningServer) -> None:
    for asked in ("bytes=0-9", "bytes=1000000-"):
        answer = request(server, "/output/job/plain.png", {"range": asked}, "HEAD")
        assert (answer.status, answer.headers["content-length"]) == (200, str(len(PICTURE)))


def test_a_range_of_what_is_no_file_is_ignored(server: RunningServer) -> None:
    for path in ("/health", "/output/job", "/thumb/job/plain.png", "/queue"):
        assert server.http.get(path, headers={"range": "bytes=1000000-"}).status_code == 200


def test_a_download_is_resumed_only_while_the_file_is_the_same(server: RunningServer) -> None:
    etag = server.http.get("/output/job/plain.png").headers["etag"]
    same = server.http.get("/output/job/plain.png", headers={"range": "bytes=5-", "if-range": etag})
    other = server.http.get("/output/job/plain.png", headers={"range": "bytes=5-", "if-range": '"old"'})
    assert (same.status_code, same.content) == (206, PICTURE[5:])
    assert (other.status_code, other.content) == (200, PICTURE)


def test_a_known_etag_is_answered_with_304_and_no_body(server: RunningServer) -> None:
    etag = server.http.get("/output/job/plain.png").headers["etag"]
    answer = server.http.get("/output/job/plain.png", headers={"if-none-match": etag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == etag
    assert server.http.get("/output/job/plain.png", headers={"if-none-match": '"x"'}).status_code == 200


def test_head_is_answered_like_get_without_a_body(server: RunningServer) -> None:
    answer = server.http.head("/output/job/plain.png")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(PICTURE))


OUTSIDE = [
    "/output/../secret.txt",
    "/output/job/../../secret.txt",
    "/output/%2e%2e/secret.txt",
    "/output/%2E%2E%2Fsecret.txt",
    "/output/job/%2e%2e/%2e%2e/secret.txt",
    "/output/..%2fsecret.txt",
    "/output/..\\secret.txt",
    "/output/..%5Csecret.txt",
    "/output/job%5C..%5C..%5Csecret.txt",
    "/output//etc/passwd",
    "/output/%2Fetc/passwd",
    "/output///etc/passwd",
    "/output/job/plain.png%00.txt",
    "/output/%00",
    "/output/..",
    "/output/job/..",
    "/output/job/link.txt",
    "/output/job/up/secret.txt",
    "/output/job/up",
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_path_that_leaves_the_folder_is_a_bad_request(server: RunningServer, path: str) -> None:
    answer = request(server, path)
    assert answer.status == 400, answer.body
    assert json.loads(answer.body)["error"].startswith("Invalid path")
    assert b"SECRET" not in answer.body
    assert str(server.root).encode() not in answer.body


@pytest.mark.parametrize(
    "path",
    [
        "/output/job/.secret.png",
        "/output/job/.thumbs/plain.jpg",
        "/output/.thumbs",
        "/output/job/missing.png",
        "/output/missing",
        "/output/job/plain.png/x",
        "/output/queue_state.json",
        "/output/" + "x" * 5000,
        "/output/%ff%fe",
        "/output/%252e%252e/secret.txt",
    ],
    ids=lambda path: path[:40],
)
def test_dot_files_and_what_does_not_exist_are_not_found(server: RunningServer, path: str) -> None:
    answer = request(server, path)
    assert (answer.status, json.loads(answer.body)["error"]) == (404, "Not found")


def test_a_folder_lists_its_files_and_hides_dot_files(server: RunningServer) -> None:
    answer = server.http.get("/output/job")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "plain.png" in answer.text
    assert "emoji 🐈.png" in answer.text
    assert "a&amp;b&lt;c&gt;" in answer.text
    assert "<c>" not in answer.text
    assert "secret.png" not in answer.text
    assert ".thumbs" not in answer.text


def test_the_root_is_listed_with_and_without_a_slash(server: RunningServer) -> None:
    for path in ("/output", "/output/"):
        answer = server.http.get(path)
        assert answer.status_code == 200
        assert "/output/job/" in answer.text


def test_the_root_is_listed_before_there_is_any_output(tmp_path: Path) -> None:
    with serving(tmp_path, loaded=False) as fresh:
        assert fresh.http.get("/output").status_code == 200


def test_a_jobs_outputs_are_fetched_by_the_paths_it_tells(server: RunningServer) -> None:
    job = server.make(**SHORT | {"batch_count": 2})
    for path in job["outputs"]:
        answer = server.http.get(f"/output/{path}")
        assert answer.status_code == 200
        assert answer.content.startswith(b"\x89PNG")


def test_nothing_but_finished_jobs_is_in_the_output_folder(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        job = server.make(**SHORT)
        assert os.listdir(server.output_dir) == [job["job_id"]]
        assert sorted(os.listdir(server.output_dir / job["job_id"])) == ["config.json", "image_0.png"]
