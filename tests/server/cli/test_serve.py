"""`sdcpp serve`: settings, ports, signals, and how it says no."""

import re
import signal
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.support.command import ANY_PORTS, running, sdcpp
from tests.support.tiny_models import build


def test_it_announces_where_it_is_and_answers_there(tmp_path: Path) -> None:
    with running("serve", *ANY_PORTS, folder=tmp_path) as server:
        health = httpx.get(f"http://127.0.0.1:{server.port()}/health").json()
    assert health["status"] == "ok"


@pytest.mark.heavy
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_exit_code_0_and_no_traceback(tmp_path: Path, number: int) -> None:
    with running("serve", *ANY_PORTS, folder=tmp_path) as server:
        server.port()
        code, said = server.end(number)
    assert code == 0
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("variables", "flags", "folder"),
    [
        ({}, (), "by-file"),
        ({"SDCPP_PATHS_MODELS_DIR": "by-variable"}, (), "by-variable"),
        ({"SDCPP_PATHS_MODELS_DIR": "by-variable"}, ("--models-dir", "by-flag"), "by-flag"),
    ],
)
def test_flags_win_over_the_environment_and_that_over_the_file(
    tmp_path: Path, variables: dict[str, str], flags: tuple[str, ...], folder: str
) -> None:
    (tmp_path / "sdcpp.toml").write_text('[paths]\nmodels_dir = "by-file"\n')
    with running(
        "serve", *ANY_PORTS, "--config", "sdcpp.toml", *flags, folder=tmp_path, **variables
    ) as server:
        paths = httpx.get(f"http://127.0.0.1:{server.port()}/models/paths").json()
    assert paths["vae"] == str(tmp_path / folder / "vae")


def test_the_configuration_file_may_be_named_by_a_variable(tmp_path: Path) -> None:
    (tmp_path / "sdcpp.toml").write_text("[server]\nport = -1\n")
    ended = sdcpp("serve", folder=tmp_path, SDCPP_CONFIG="sdcpp.toml")
    assert ended.returncode == 2
    assert "server.port = -1 in sdcpp.toml" in ended.stderr


def test_each_of_several_api_keys_opens_it(tmp_path: Path) -> None:
    keys = ["the-first-of-the-keys", "the-second-of-the-keys", "another-key-altogether"]
    with running("serve", *ANY_PORTS, folder=tmp_path, SDCPP_SERVER_API_KEYS=",".join(keys[:2])) as server:
        url = f"http://127.0.0.1:{server.port()}/health"
        answers = [httpx.get(url, headers={"X-API-Key": key}).status_code for key in keys]
    assert answers == [200, 200, 401]


def test_a_mistake_in_the_settings_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "sdcpp.toml").write_text('[server]\nport = "many"\n')
    ended = sdcpp("serve", "--config", "sdcpp.toml", folder=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith("sdcpp: server.port = 'many' in sdcpp.toml is not allowed: it should be a")
    assert ended.stderr.count("\n") == 1


def test_a_missing_file_of_settings_is_told(tmp_path: Path) -> None:
    ended = sdcpp("serve", "--config", "none.toml", folder=tmp_path)
    assert (ended.returncode, ended.stderr) == (2, "sdcpp: There is no configuration file none.toml\n")


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = sdcpp("serve", "--port", str(port), "--ws-port", "0", folder=tmp_path)
    assert ended.returncode == 2
    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_second_server_on_the_same_data_is_told_who_has_it(tmp_path: Path) -> None:
    with running("serve", *ANY_PORTS, "--data-dir", "data", folder=tmp_path) as first:
        port = first.port()
        second = sdcpp("serve", *ANY_PORTS, "--data-dir", "data", folder=tmp_path)
    assert second.returncode == 2
    assert f"pid {first.process.pid}, port {port}" in second.stderr
    assert second.stderr.count("\n") == 1


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = sdcpp("serve", *ANY_PORTS, "--data-dir", "file/data", folder=tmp_path)
    assert ended.returncode == 1
    assert f"{tmp_path}/file/data" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_database_that_cannot_be_read_ends_it_with_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sdcpp.db").write_bytes(b"no database" * 1000)
    ended = sdcpp("serve", *ANY_PORTS, "--data-dir", "data", folder=tmp_path)
    assert ended.returncode == 2
    assert "it is no SQLite database" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_the_database_of_a_later_release_is_refused_with_both_versions(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with closing(sqlite3.connect(tmp_path / "data" / "sdcpp.db")) as database:
        database.execute("PRAGMA user_version = 4711")
    ended = sdcpp("serve", *ANY_PORTS, "--data-dir", "data", folder=tmp_path)
    assert ended.returncode == 2
    assert re.search(r"sdcpp.db is of version 4711, and this release knows versions up to \d+", ended.stderr)
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(("keys", "warned"), [("", True), ("a-secret-for-tests", False)])
def test_an_open_address_without_keys_is_warned_of(tmp_path: Path, keys: str, warned: bool) -> None:
    arguments = ("serve", *ANY_PORTS, "--host", "0.0.0.0")
    with running(*arguments, folder=tmp_path, SDCPP_SERVER_API_KEYS=keys) as server:
        server.port()
        _, said = server.end()
    assert ("everyone who reaches 0.0.0.0" in said) is warned


def test_with_demo_a_bare_request_is_completed_as_suits_the_demo_model(demo_url: str) -> None:
    preset = httpx.get(f"{demo_url}/architectures").json()["current_preset"]
    answer = httpx.post(f"{demo_url}/txt2img", json={"prompt": "a red balloon"}).json()
    params = httpx.get(f"{demo_url}/queue/{answer['job_id']}").json()["params"]
    assert preset["generationDefaults"]["width"] == 64
    assert (params["width"], params["height"], params["steps"], params["cfg_scale"]) == (64, 64, 12, 2.0)
    assert (params["upscale"], params["upscale_auto_unload"]) == (True, False)


@pytest.mark.heavy
def test_with_demo_and_no_upscaler_a_bare_request_is_not_enlarged(tmp_path: Path) -> None:
    with running("serve", "--demo", *ANY_PORTS, folder=tmp_path) as server:
        url = server.loaded_url()
        assert httpx.post(f"{url}/upscaler/unload").status_code == 200
        answer = httpx.post(f"{url}/txt2img", json={"prompt": "a red balloon"}).json()
        assert httpx.get(f"{url}/queue/{answer['job_id']}").json()["params"]["upscale"] is False
        server.end()


@pytest.mark.heavy
def test_with_demo_a_remembered_model_goes_before_the_demo_model(tmp_path: Path) -> None:
    with running("serve", "--demo", *ANY_PORTS, folder=tmp_path) as server:
        url = server.loaded_url()
        load = build("minit2i").install(tmp_path / "models", "mine.safetensors")
        assert httpx.post(f"{url}/models/load", json=load, timeout=60).status_code == 200
        server.end()
    with running("serve", "--demo", *ANY_PORTS, folder=tmp_path) as server:
        server.port()
        assert server.wait_for(r"resident: loaded (\S+)")[1] == "mine.safetensors"
