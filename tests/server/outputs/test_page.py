"""GET /output of folders: the page as it is sent."""

import os
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.support.output_folders import SCRIPT_PROMPT, write_config, write_dated, write_jobs, write_png
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import serving

NAMES = re.compile(r'<a class="open" href="[^"]*">([^<]*)</a>')


@pytest.fixture(scope="module", autouse=True)
def tree(output: Path) -> None:
    mixed = output / "mixed"
    write_dated(mixed / "b.bin", 300, seconds=1)
    write_dated(mixed / "a.bin", 100, seconds=3)
    write_dated(mixed / "c.bin", 200, seconds=2)
    for seconds, name in ((2, "x"), (1, "y")):
        (mixed / name).mkdir()
        os.utime(mixed / name, (1_700_000_000 + seconds,) * 2)
    write_jobs(output / "jobs", 201)


def names(server: RunningServer, path: str, **query: Any) -> list[str]:
    """What a page lists, in its order."""
    answer = server.http.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return [unescape(name) for name in NAMES.findall(answer.text)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["x/", "y/", "a.bin", "b.bin", "c.bin"]),
        ({"order": "desc"}, ["y/", "x/", "c.bin", "b.bin", "a.bin"]),
        ({"sort": "size"}, ["x/", "y/", "a.bin", "c.bin", "b.bin"]),
        ({"sort": "size", "order": "desc"}, ["y/", "x/", "b.bin", "c.bin", "a.bin"]),
        ({"sort": "date"}, ["y/", "x/", "b.bin", "c.bin", "a.bin"]),
        ({"sort": "date", "order": "desc"}, ["x/", "y/", "a.bin", "c.bin", "b.bin"]),
    ],
    ids=str,
)
def test_folders_come_first_and_everything_is_sorted(
    server: RunningServer, query: dict[str, str], expected: list[str]
) -> None:
    assert names(server, "/output/mixed", **query) == expected


@pytest.mark.parametrize(
    "query", ["sort=colour", "order=up", "sort=", "sort=NAME", "page=0", "page=-1", "page=x", "page=1.5"]
)
def test_a_sorting_or_page_that_does_not_exist_is_a_bad_request(server: RunningServer, query: str) -> None:
    answer = server.http.get(f"/output/mixed?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(query.partition("=")[0])


def test_numbers_in_file_names_count(server: RunningServer, output: Path) -> None:
    for number in (10, 9, 1):
        write_dated(output / "numbered" / f"image_{number}.bin", 1, 0)
    assert names(server, "/output/numbered") == ["image_1.bin", "image_9.bin", "image_10.bin"]


def test_the_statistics_count_folders_files_and_bytes(server: RunningServer) -> None:
    page = server.http.get("/output/mixed").text
    assert "<span>2 folders</span>" in page
    assert "<span>3 files</span>" in page
    assert "<span>600 B in files here</span>" in page


def test_many_folders_are_paged(server: RunningServer) -> None:
    pages = [names(server, "/output/jobs", page=number) for number in (1, 2, 3)]
    assert [len(page) for page in pages] == [100, 100, 1]
    assert [name for page in pages for name in page] == [f"job_{number:05}/" for number in range(201)]
    assert "<span>201 folders</span>" in server.http.get("/output/jobs?page=2").text


def test_the_newest_jobs_are_on_the_first_page_by_date(server: RunningServer) -> None:
    assert names(server, "/output/jobs", sort="date", order="desc")[0] == "job_00200/"


def test_a_page_beyond_the_last_shows_the_last(server: RunningServer) -> None:
    assert names(server, "/output/jobs", page=99) == ["job_00200/"]


def test_looking_at_thumbnails_does_not_make_a_job_newer(server: RunningServer) -> None:
    assert server.http.get("/thumb/jobs/job_00003/image_0.png").status_code == 200
    assert names(server, "/output/jobs", sort="date")[3] == "job_00003/"


def test_a_job_folder_shows_its_prompt_seed_and_first_picture(server: RunningServer) -> None:
    page = server.http.get("/output/jobs").text
    assert '<p class="prompt">prompt number 7</p>' in page
    assert "Seed <span>7</span>" in page
    assert '"./../' not in page
    assert re.search(r'<img src="\.\./thumb/jobs/job_00007/image_0\.png\?v=\w+"', page)


def test_a_picture_shows_what_it_carries_before_what_its_job_says(
    server: RunningServer, output: Path
) -> None:
    job = output / "carried"
    write_png(job / "image_0.png", "of the picture", 11)
    write_png(job / "image_1.png")
    (job / "video.mp4").write_bytes(b"x")
    write_config(job, "of the job", [21, 22])
    page = server.http.get("/output/carried").text
    assert re.search(r'thumb/carried/video\.mp4\?v=\w+&amp;frame=1"', page)
    assert re.findall(r'<p class="prompt">([^<]+)<', page) == ["of the picture", "of the job", "of the job"]
    assert re.findall(r"Seed <span>(\d+)", page) == ["11", "22", "21"]


def test_a_config_that_makes_no_sense_hides_nothing(server: RunningServer, output: Path) -> None:
    for number, text in enumerate(
        ["", "[]", '{"params": 3}', "[" * 100_000, '{"params": {}, "seeds": {"a": 1}}']
    ):
        folder = output / "senseless" / f"job_{number}"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(text)
        assert names(server, f"/output/senseless/job_{number}") == ["config.json"]
    assert len(names(server, "/output/senseless")) == 5


def test_nothing_is_sent_unescaped(server: RunningServer, output: Path) -> None:
    folder = output / "evil"
    names_given = [
        "<img src=x onerror=alert(1)>.png",
        "\"onmouseover='alert(1)'.png",
        "{{ 7*7 }}.png",
        "a\rb.png",
    ]
    for name in names_given:
        write_png(folder / name, SCRIPT_PROMPT)
    page = server.http.get("/output/evil").text
    assert "<img src=x" not in page
    assert page.count("<script") == page.count("</script") == 1
    assert "49.png" not in page
    assert sorted(names(server, "/output/evil")) == sorted(names_given)


def test_what_cannot_be_asked_for_is_not_listed(server: RunningServer, output: Path, root: Path) -> None:
    folder = output / "unaskable"
    write_dated(folder / "shown.bin", 1, 0)
    write_dated(folder / "back\\slash.bin", 1, 0)
    write_dated(folder / "line\nbreak.bin", 1, 0)
    write_dated(folder / ".hidden", 1, 0)
    write_dated(Path(os.fsdecode(os.fsencode(folder) + b"/not-utf8-\xff.bin")), 1, 0)
    write_dated(root / "secret.txt", 1, 0)
    (folder / "outside.txt").symlink_to(root / "secret.txt")
    (folder / "broken.txt").symlink_to(folder / "nothing")
    (folder / "inside.bin").symlink_to(folder / "shown.bin")
    os.mkfifo(folder / "pipe")
    assert names(server, "/output/unaskable") == ["inside.bin", "shown.bin"]
    assert server.http.get("/output/unaskable/pipe").status_code == 404


def test_the_page_may_run_its_own_script_only(server: RunningServer) -> None:
    headers = server.http.get("/output").headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "name", ["page.html", "drawing.svg", "page.xhtml", "feed.xml", "unknown", 'e"vil\r.htm']
)
def test_a_file_that_could_run_scripts_is_a_download(server: RunningServer, output: Path, name: str) -> None:
    (output / name).write_text("<script>alert(1)</script>")
    answer = server.http.get("/output/" + name.replace('"', "%22").replace("\r", "%0D"))
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"
    (output / name).unlink()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.PNG", "image/png"), ("a.webp", "image/webp"), ("a.mp4", "video/mp4"),
        ("a.mkv", "video/x-matroska"), ("a.json", "application/json"), ("a.txt", "text/plain; charset=utf-8"),
    ],
)  # fmt: skip
def test_a_harmless_file_is_shown_with_its_type(
    server: RunningServer, output: Path, name: str, expected: str
) -> None:
    (output / name).write_bytes(b"x")
    answer = server.http.get(f"/output/{name}")
    assert answer.headers["content-type"] == expected
    assert "content-disposition" not in answer.headers
    (output / name).unlink()


@pytest.mark.parametrize("path", ["/output", "/output/", "/output/mixed", "/output/mixed/", "/output//mixed"])
def test_every_spelling_of_a_folder_has_links_that_lead_on(server: RunningServer, path: str) -> None:
    answer = server.http.get(path)
    if path == "/output//mixed":
        assert answer.status_code == 400
        return
    assert server.http.head(path).status_code == 200
    for link in re.findall(r'href="([^"]+)"', answer.text):
        if not link.startswith(("#", "data:")):
            assert server.http.head(answer.url.join(unescape(link))).status_code == 200, link


def test_links_work_after_a_visit_with_a_key_which_none_of_them_carries(tmp_path: Path) -> None:
    write_png(tmp_path / "output" / "a.png")
    write_png(tmp_path / "output" / "job" / "a.png")
    with serving(tmp_path, loaded=False, server_api_keys='["s&cret-of-the-visitor"]') as server:
        assert server.http.get("/output").status_code == 401
        answer = server.http.get("/output", params={"token": "s&cret-of-the-visitor"})
        assert "cret-of-the-visitor" not in answer.text + str(answer.headers)
        links = [unescape(link) for link in re.findall(r'(?:href|src)="([^"]+)"', answer.text)]
        followed = [link for link in links if not link.startswith(("#", "data:"))]
        assert len(followed) == 9
        for link in followed:
            assert server.http.get(answer.url.join(link)).status_code == 200, link
