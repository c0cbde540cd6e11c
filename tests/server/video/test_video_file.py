"""video.mp4 and what lies beside it."""

import io
import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image
from playwright.sync_api import Browser

from sdcpp_restapi.engine.child.video_file import open_mp4
from tests.support.running_server import RunningServer
from tests.support.videos import fetched, film, frames

PROMPT = 'a cat, "naïve", 猫'


@pytest.fixture(scope="module")
def job(server: RunningServer) -> Any:
    """Nine frames at an unusual speed, with their pictures."""
    return film(server, prompt=PROMPT, width=32, video_frames=9, fps=5, save_frames=True)


@pytest.mark.proves("txt2vid.fps", "txt2vid.video_frames")
def test_the_video_has_the_requested_frames_and_speed(server: RunningServer, job: dict[str, Any]) -> None:
    with av.open(io.BytesIO(fetched(server, job)), "r") as file:
        (stream,) = file.streams
        assert isinstance(stream, av.VideoStream)
        assert (stream.width, stream.height) == (32, 16)
        assert stream.average_rate == Fraction(5)
        times = [frame.time for frame in file.decode(stream)]
    assert times == [pytest.approx(number / 5) for number in range(9)]


def test_the_video_is_one_that_browsers_play_while_it_loads(
    server: RunningServer, job: dict[str, Any]
) -> None:
    video = fetched(server, job)
    assert video.index(b"moov") < video.index(b"mdat")
    with av.open(io.BytesIO(video)) as file:
        stream = file.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")


def test_the_video_says_how_it_was_made(server: RunningServer, job: dict[str, Any]) -> None:
    with av.open(io.BytesIO(fetched(server, job))) as file:
        first, *_, last = file.metadata["comment"].splitlines()
    assert first == PROMPT
    assert last.startswith("Steps: 2, Sampler: euler, Schedule type: discrete, CFG scale: 1,")
    assert "Seed: 7, Size: 32x16, Model: lingbot.gguf" in last


@pytest.mark.proves("txt2vid.save_frames")
def test_frames_are_written_where_they_are_asked_for(server: RunningServer, job: dict[str, Any]) -> None:
    video, *stills = job["outputs"]
    assert video == f"{job['job_id']}/video.mp4"
    assert stills == [f"{job['job_id']}/frames/frame_{number:04d}.png" for number in range(9)]
    shown = frames(fetched(server, job))
    for number, still in enumerate(stills):
        picture = Image.open(io.BytesIO(server.http.get(f"/output/{still}").content))
        assert picture.info["parameters"].startswith(PROMPT)
        assert closest(picture.tobytes(), shown) == number
    assert film(server)["outputs"][1:] == []


def closest(one: bytes, others: list[bytes]) -> int:
    """Which of the pictures differs least: H.264 and JPEG keep colours at half the size, so none is equal."""
    differences = [sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one) for other in others]
    return differences.index(min(differences))


def test_a_poster_shows_the_first_frame(server: RunningServer, job: dict[str, Any]) -> None:
    answer = server.http.get(f"/output/{job['job_id']}/poster.jpg")
    poster = Image.open(io.BytesIO(answer.content))
    assert (poster.format, poster.size) == ("JPEG", (32, 16))
    stills = [Image.open(server.output_dir / still).tobytes() for still in job["outputs"][1:]]
    assert closest(poster.convert("RGB").tobytes(), stills) == 0


def test_config_json_has_request_model_seed_and_times(server: RunningServer, job: dict[str, Any]) -> None:
    config = json.loads((server.output_dir / job["job_id"] / "config.json").read_text())
    assert config.keys() == {
        "job_id", "type", "created_at", "completed_at", "params", "model", "seeds", "timings", "engine",
            "previews",
    }  # fmt: skip
    assert (config["job_id"], config["type"], config["seeds"]) == (job["job_id"], "txt2vid", [7])
    assert config["params"] == job["params"]
    assert config["model"]["model_name"] == "lingbot.gguf"
    assert config["timings"].keys() == {"generate_seconds", "write_seconds"}


PLAYED = """video => new Promise((done, fail) => {
    video.onerror = () => fail(video.error.message);
    video.onended = () => done([video.videoWidth, video.videoHeight, video.duration]);
    video.loop = false;
    video.muted = true;
    video.play();
})"""


# Noise that grows brighter, made into the file that is named: run by a process of its own.
CODED = """
import pathlib, sys, numpy, PIL.Image
from sdcpp_restapi.engine.child.video_file import open_mp4
noise = numpy.random.default_rng(1).integers(0, 64, (5, 320, 320, 3), numpy.uint8)
with open_mp4(pathlib.Path(sys.argv[1]), (320, 320), 16, "") as add:
    for number, frame in enumerate(noise):
        add(PIL.Image.fromarray(frame + 8 * number))
"""


def test_the_same_frames_make_the_same_file_whatever_is_in_memory_and_on_one_core(tmp_path: Path) -> None:
    one_core = ("taskset", "-c", str(min(os.sched_getaffinity(0))))
    first = coded(tmp_path, fill=1)
    assert coded(tmp_path, fill=165) == first
    assert coded(tmp_path, *one_core, fill=1) == first


def coded(folder: Path, *before: str, fill: int) -> bytes:
    """The file as another process makes it, whose fresh memory glibc fills."""
    file = folder / "video.mp4"
    command = [*before, sys.executable, "-c", CODED, str(file)]
    subprocess.run(command, env=os.environ | {"MALLOC_PERTURB_": str(fill)}, check=True)
    return file.read_bytes()


def test_the_video_plays_to_its_end_in_a_browser(
    server: RunningServer, job: dict[str, Any], browser: Browser
) -> None:
    page = browser.new_page(base_url=server.url)
    page.goto(f"/output/{job['job_id']}")
    page.click("text=video.mp4")
    assert page.locator(".stage video").evaluate(PLAYED) == [32, 16, pytest.approx(9 / 5, abs=0.01)]
    page.close()


def test_a_thumbnail_of_the_video_is_its_first_frame(server: RunningServer, job: dict[str, Any]) -> None:
    answer = server.http.get(f"/thumb/{job['outputs'][0]}", params={"frame": 1})
    assert answer.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(answer.content)).size == (120, 120)


@pytest.mark.parametrize("size", [(17, 33), (64, 2)], ids=str)
def test_an_odd_edge_is_cut_off_and_colours_stay(tmp_path: Path, size: tuple[int, int]) -> None:
    with open_mp4(tmp_path / "video.mp4", size, 240, "x" * 20_000) as add:
        for _ in range(3):
            add(Image.new("RGB", size, (200, 90, 10)))
    with av.open(str(tmp_path / "video.mp4")) as file:
        shown = [Image.fromarray(frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]
        assert file.streams.video[0].average_rate == Fraction(240)
        assert file.metadata["comment"] == "x" * 20_000
    assert [picture.size for picture in shown] == [(size[0] & ~1, size[1] & ~1)] * 3
    for picture in shown:
        assert picture.getpixel((5, 1)) == pytest.approx((200, 90, 10), abs=4)
