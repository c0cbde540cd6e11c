"""`sdcpp demo`: from nothing to a picture."""

import re
import signal
import socket
from pathlib import Path
from subprocess import CompletedProcess

import httpx
import pytest
from PIL import Image

from tests.support.command import ANY_PORTS, running, sdcpp


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CompletedProcess[str]]:
    """The folder of one tour, and what it said."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, sdcpp("demo", "--once", *ANY_PORTS, folder=folder)


def test_once_writes_a_picture_and_says_where_it_is(once: tuple[Path, CompletedProcess[str]]) -> None:
    folder, ended = once
    assert ended.returncode == 0, ended.stderr
    picture = re.search(r"Picture: +(\S+\.png)\n +(http\S+\.png)", ended.stdout)
    assert picture
    with Image.open(picture[1]) as image:
        assert (image.format, image.size) == ("PNG", (256, 256))
    assert Path(picture[1]).is_relative_to(folder / "output")
    assert picture[2].endswith(str(Path(picture[1]).relative_to(folder)))
    assert "/docs" in ended.stdout
    assert "/queue" in ended.stdout
    assert "use_architecture_defaults" in ended.stdout
    assert "The server ends now; sdcpp demo goes on serving" in ended.stdout
    assert '\n     sdcpp generate "a red heart"' in ended.stdout


def test_progress_is_told_in_lines_where_there_is_no_terminal(
    once: tuple[Path, CompletedProcess[str]],
) -> None:
    _, ended = once
    assert "loading the model\n" in ended.stderr
    assert "drawing: 13 of 13 steps\n" in ended.stderr
    assert "\x1b" not in ended.stdout + ended.stderr


@pytest.mark.heavy
def test_the_command_that_it_shows_works_while_it_goes_on_serving(tmp_path: Path) -> None:
    with running("demo", *ANY_PORTS, folder=tmp_path) as demo:
        curl = demo.wait_for(r"curl (\S+) -H '(\S+): (\S+)' -d '(.*)'")
        answer = httpx.post(curl[1], headers={curl[2]: curl[3]}, content=curl[4])
        demo.wait_for("Ctrl-C ends the server")
        code, said = demo.end(signal.SIGINT)
    assert answer.status_code == 202, answer.text
    assert code == 0
    assert "Traceback" not in said


@pytest.mark.heavy
def test_where_its_ports_are_taken_it_takes_free_ones(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        ended = sdcpp("demo", "--once", folder=tmp_path, SDCPP_SERVER_PORT=port, SDCPP_SERVER_WS_PORT="0")
    assert ended.returncode == 0, ended.stderr
    assert "is in use: taking free ones" in ended.stdout


@pytest.mark.heavy
def test_a_port_that_was_asked_for_and_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        ended = sdcpp("demo", "--once", "--port", port, folder=tmp_path)
    assert ended.returncode == 2
    assert f"Cannot listen on 127.0.0.1:{port}" in ended.stderr


@pytest.mark.heavy
def test_it_works_where_an_api_key_is_wanted(tmp_path: Path) -> None:
    ended = sdcpp("demo", "--once", *ANY_PORTS, folder=tmp_path, SDCPP_SERVER_API_KEYS="a-secret-for-tests")
    assert ended.returncode == 0, ended.stderr
    assert "X-API-Key" in ended.stdout
    assert "a-secret-for-tests" not in ended.stdout


@pytest.mark.heavy
def test_an_engine_that_does_not_start_ends_it_with_what_to_do(tmp_path: Path) -> None:
    ended = sdcpp("demo", *ANY_PORTS, folder=tmp_path, SDCPP_ENGINE_LIBRARY="/nonexistent")
    assert ended.returncode == 1
    assert "sdcpp doctor" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.heavy
def test_ctrl_c_before_the_picture_leaves_no_traceback(tmp_path: Path) -> None:
    with running("demo", *ANY_PORTS, folder=tmp_path) as demo:
        demo.port()
        code, said = demo.end(signal.SIGINT)
    assert code in (0, 130)
    assert "Traceback" not in said


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("launcher", "command"), [("", "sdcpp"), ("./sdcpp", "./sdcpp"), ("/a b/sdcpp", "'/a b/sdcpp'")]
)
def test_hints_name_the_command_as_it_was_called(tmp_path: Path, launcher: str, command: str) -> None:
    ended = sdcpp(
        "demo",
        *ANY_PORTS,
        folder=tmp_path,
        SDCPP_ENGINE_LIBRARY="/nonexistent",
        SDCPP_RESTAPI_LAUNCHER=launcher,
    )
    assert f"run '{command} doctor'" in ended.stderr
    absent = sdcpp(
        "queue", "list", "--server", "http://127.0.0.1:9", folder=tmp_path, SDCPP_RESTAPI_LAUNCHER=launcher
    )
    assert f"'{command} serve'" in absent.stderr
