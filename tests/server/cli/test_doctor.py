"""`sdcpp doctor` finds what is wrong and says what to do."""

import json
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from sdcpp_restapi.engine.binding.suppliers import find_library
from tests.support.certificates import Authority
from tests.support.command import ANY_PORTS, running, sdcpp


def findings(*arguments: str, folder: Path, **variables: str) -> tuple[int, dict[str, Any]]:
    ended = sdcpp("doctor", "--json", *arguments, folder=folder, **variables)
    diagnosis = json.loads(ended.stdout)
    assert diagnosis["ok"] is (ended.returncode == 0)
    return ended.returncode, {one["name"]: one for one in diagnosis["findings"]}


def test_a_healthy_machine_has_exit_code_0(tmp_path: Path) -> None:
    code, found = findings(*ANY_PORTS, folder=tmp_path)
    assert (code, [one for one in found.values() if one["state"] == "wrong"]) == (0, [])
    assert found["Engine"]["state"] == "ok"
    assert found["Devices"]["detail"]


def test_it_leaves_no_trace(tmp_path: Path) -> None:
    sdcpp("doctor", *ANY_PORTS, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_engine_library_is_found_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "sdcpp.toml").write_text('[engine]\nlibrary = "/nonexistent"\n')
    ended = sdcpp("doctor", *ANY_PORTS, "--config", "sdcpp.toml", folder=tmp_path)
    assert ended.returncode == 1
    assert "✗ Engine: there is no file /nonexistent\n    → correct or remove the setting" in ended.stdout
    assert "Something is wrong" in ended.stdout


def test_a_library_that_is_none_is_found(tmp_path: Path) -> None:
    (tmp_path / "libengine.so").write_text("no library")
    code, found = findings(*ANY_PORTS, folder=tmp_path, SDCPP_ENGINE_LIBRARY=str(tmp_path / "libengine.so"))
    assert (code, found["Engine"]["state"]) == (1, "wrong")
    assert "libengine.so" in found["Engine"]["detail"]


def test_another_library_of_the_engine_is_compared_by_what_it_draws(tmp_path: Path) -> None:
    code, found = findings(*ANY_PORTS, "--engine", str(find_library()), folder=tmp_path)
    compared = [one for name, one in found.items() if name.startswith("Picture by ")]
    assert (code, {one["detail"] for one in compared}) == (0, {"the same, pixel for pixel"})
    assert len(compared) > 1
    assert "pictures in" in found["Other engine"]["detail"]


def test_a_library_that_is_none_is_not_compared(tmp_path: Path) -> None:
    (tmp_path / "libengine.so").write_text("no library")
    code, found = findings(*ANY_PORTS, "--engine", str(tmp_path / "libengine.so"), folder=tmp_path)
    assert (code, found["Engine"]["state"], found["Other engine"]["state"]) == (1, "ok", "wrong")


def test_bad_settings_are_found_and_the_rest_is_checked_all_the_same(tmp_path: Path) -> None:
    code, found = findings(folder=tmp_path, SDCPP_SERVER_PORT="many")
    assert (code, found["Settings"]["state"]) == (1, "wrong")
    assert "SDCPP_SERVER_PORT" in found["Settings"]["detail"]
    assert found["Engine"]["state"] == "ok"


def test_a_port_of_another_program_is_found(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        # It takes connections and never answers, as a program with another protocol may.
        port = other.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            code, found = findings("--port", str(port), "--ws-port", "0", folder=tmp_path)
    assert (code, found["HTTP port"]["state"]) == (1, "wrong")
    assert "another program" in found["HTTP port"]["detail"]


def test_a_server_of_ours_on_the_ports_is_no_problem(tmp_path: Path) -> None:
    with running("serve", *ANY_PORTS, folder=tmp_path) as server:
        match = server.wait_for(r"Serving on http://localhost:(\d+) \(events on ws://localhost:(\d+)")
        code, found = findings("--port", match[1], "--ws-port", match[2], folder=tmp_path)
    assert code == 0
    assert "our own server answers" in found["HTTP port"]["detail"]
    assert "our own server" in found["WebSocket port"]["detail"]
    assert f"pid {server.process.pid}" in found["Data folder in use"]["detail"]


def test_a_folder_that_is_a_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "output").touch()
    code, found = findings(*ANY_PORTS, folder=tmp_path)
    assert (code, found["Output folder"]["state"]) == (1, "wrong")
    assert "is not a folder" in found["Output folder"]["detail"]


def test_a_folder_of_one_model_type_that_does_not_exist_is_found(tmp_path: Path) -> None:
    code, found = findings(*ANY_PORTS, folder=tmp_path, SDCPP_PATHS_FOLDERS='{"lora": "/nonexistent"}')
    assert (code, found["Folder of lora"]["state"]) == (1, "wrong")


def certificate(folder: Path, cert: Path, key: Path, hosts: str = "") -> dict[str, Any]:
    tls = {"SDCPP_SERVER_TLS_CERT": str(cert), "SDCPP_SERVER_TLS_KEY": str(key)}
    _, found = findings(*ANY_PORTS, folder=folder, SDCPP_SERVER_ALLOWED_HOSTS=hosts, **tls)
    return cast("dict[str, Any]", found["Certificate"])


def test_a_certificate_is_read_with_its_names_and_its_end(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    good = certificate(tmp_path, *authority.issue("good", "art.example", "*.example.org"))
    assert good["state"] == "ok"
    assert "art.example, *.example.org" in good["detail"]
    hosts = "a.example.org,other.example"
    unnamed = certificate(tmp_path, *authority.issue("good", "art.example", "*.example.org"), hosts)
    assert unnamed["state"] == "note"
    assert "does not name other.example of" in unnamed["detail"]


def test_a_certificate_that_cannot_serve_is_wrong(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, _ = authority.issue("one", "art.example")
    _, key = authority.issue("two", "art.example")
    strange = certificate(tmp_path, cert, key)
    assert (strange["state"], "belongs to another certificate" in strange["detail"]) == ("wrong", True)
    ended = datetime.now(UTC) - timedelta(days=1)
    old = certificate(tmp_path, *authority.issue("old", "art.example", ends=ended))
    assert (old["state"], "has expired" in old["detail"]) == ("wrong", True)
