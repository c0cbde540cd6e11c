"""`sdcpp generate`: from a prompt to files."""

import io
import signal
import socket
import subprocess
from pathlib import Path

import httpx
from PIL import Image

from tests.support.command import ANY_PORTS, COMMAND, environment, running, sdcpp
from tests.support.tiny_models import build


def test_it_writes_the_file_with_the_seed_asked_for(demo_url: str, tmp_path: Path) -> None:
    arguments = ("generate", "a cat", "--server", demo_url, "--seed", "42", "-o", "cat.png")
    ended = sdcpp(*arguments, folder=tmp_path)
    assert (ended.returncode, ended.stdout) == (0, "cat.png\n"), ended.stderr
    with Image.open(tmp_path / "cat.png") as image:
        assert image.size == (256, 256)
        assert "Seed: 42" in image.info["parameters"]
    assert "drawing: 13 of 13 steps" in ended.stderr


def test_several_pictures_get_numbered_names(demo_url: str, tmp_path: Path) -> None:
    arguments = ("generate", "a cat", "--server", demo_url, "--batch-count", "2", "--steps", "1")
    ended = sdcpp(*arguments, "-o", "new/cat.png", folder=tmp_path)
    assert ended.stdout == "new/cat-1.png\nnew/cat-2.png\n", ended.stderr
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["cat-1.png", "cat-2.png"]


def test_without_a_name_the_file_is_called_after_prompt_and_seed(demo_url: str, tmp_path: Path) -> None:
    arguments = ("generate", "A cat, sleeping!", "--server", demo_url, "--seed", "7", "--steps", "1")
    first, second = (sdcpp(*arguments, folder=tmp_path).stdout for _ in range(2))
    assert (first, second) == ("a-cat-sleeping-7.png\n", "a-cat-sleeping-7-2.png\n")


def test_a_dash_writes_the_picture_to_standard_output(demo_url: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [*COMMAND, "generate", "a cat", "--server", demo_url, "--width", "32", "--height", "32", "-o", "-"],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        timeout=60,
    )
    with Image.open(io.BytesIO(ended.stdout)) as image:
        assert image.size == (128, 128)
    assert list(tmp_path.iterdir()) == []


def test_every_flag_reaches_the_server(demo_url: str, tmp_path: Path) -> None:
    flags = {"width": 64, "height": 64, "steps": 2, "cfg_scale": 1.5, "seed": 5, "sampler": "heun"}
    flags |= {"scheduler": "karras", "batch_count": 2}
    given = [part for name, value in flags.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    arguments = ("generate", "a cat", "--negative", "dogs", "--server", demo_url, *given)
    ended = sdcpp(*arguments, folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    params = httpx.get(f"{demo_url}/queue").json()["items"][0]["params"]
    assert {**flags, "prompt": "a cat", "negative_prompt": "dogs"}.items() <= params.items()
    assert "note: negative_prompt, scheduler have no effect" in ended.stderr


def test_a_job_branches_from_one_that_kept_its_journal(demo_url: str, tmp_path: Path) -> None:
    first = sdcpp("generate", "cat", "-o", "a.png", "--keep-journal", "--server", demo_url, folder=tmp_path)
    job_id = first.stderr.split("job ")[1].split()[0]
    branch = ("--from-job", job_id, "--from-step")
    steps = str(httpx.get(f"{demo_url}/queue/{job_id}").json()["params"]["steps"])
    for name, step in (("b.png", "1"), ("c.png", steps)):
        ended = sdcpp("generate", "dog", "-o", name, *branch, step, "--server", demo_url, folder=tmp_path)
        assert ended.returncode == 0, ended.stderr
    pictures = [Image.open(tmp_path / name).tobytes() for name in ("a.png", "b.png", "c.png")]
    assert pictures[2] == pictures[0] != pictures[1]


def test_a_model_can_be_loaded_first(tmp_path: Path) -> None:
    build("minit2i").install(tmp_path / "models")
    with running("serve", *ANY_PORTS, folder=tmp_path) as server:
        url = f"http://127.0.0.1:{server.port()}"
        model = ("--model", "minit2i.safetensors", "--model-type", "diffusion")
        parts = ("--model-t5xxl", "t5xxl.safetensors")
        small = ("--width", "64", "--height", "64", "--steps", "1")
        arguments = ("generate", "a cat", "--server", url, *small, *model, *parts)
        first, second = (sdcpp(*arguments, folder=tmp_path) for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert "loading minit2i" in first.stderr
    assert "loading minit2i" not in second.stderr


def test_ctrl_c_cancels_the_job(demo_url: str, tmp_path: Path) -> None:
    size = ("--width", "512", "--height", "512", "--steps", "1000")
    with running("generate", "a cat", "--server", demo_url, *size, folder=tmp_path) as command:
        command.wait_for("drawing: ")
        code, said = command.end(signal.SIGINT)
    newest = httpx.get(f"{demo_url}/queue").json()["items"][0]
    assert code == 130
    assert f"the job {newest['job_id']} was cancelled" in said
    assert newest["status"] == "cancelled"
    assert "Traceback" not in said


def test_what_the_server_refuses_is_one_sentence(demo_url: str, tmp_path: Path) -> None:
    ended = sdcpp("generate", "a cat", "--server", demo_url, "--sampler", "none", folder=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith("sdcpp: sampler: 'none' is not allowed: must be one of euler")
    assert ended.stderr.count("\n") == 1


def test_without_a_server_it_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ended = sdcpp("generate", "a cat", "--server", f"localhost:{port}", folder=tmp_path)
    assert ended.returncode == 1
    assert f"No server answers at http://localhost:{port}" in ended.stderr
    assert "sdcpp serve" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_missing_key_is_told_and_a_given_one_works(tmp_path: Path) -> None:
    key = "a-secret-for-tests"
    with running("serve", "--demo", *ANY_PORTS, folder=tmp_path, SDCPP_SERVER_API_KEYS=key) as server:
        url = server.loaded_url(api_key=key)
        without = sdcpp("generate", "a cat", "--server", url, folder=tmp_path)
        given = sdcpp("generate", "a cat", folder=tmp_path, SDCPP_API_KEY=key, SDCPP_URL=url)
    assert without.returncode == 1
    assert "API key is required" in without.stderr
    assert given.returncode == 0, given.stderr
    assert "drawing: 13 of 13 steps" in given.stderr


def test_a_name_that_does_not_suit_a_png_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    ended = sdcpp("generate", "a cat", "-o", "cat.jpg", folder=tmp_path)
    assert ended.returncode == 2
    assert "cat.jpg: the pictures are PNG files" in ended.stderr


def test_several_pictures_do_not_fit_standard_output(tmp_path: Path) -> None:
    ended = sdcpp("generate", "a cat", "-o", "-", "--batch-count", "2", folder=tmp_path)
    assert ended.returncode == 2
    assert "one picture" in ended.stderr
