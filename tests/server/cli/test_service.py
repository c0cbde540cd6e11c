"""`sdcpp service`: what is written for systemd and launchd, and what systemd says about it."""

import plistlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sdcpp_restapi.cli.commands import app
from sdcpp_restapi.cli.service import launchd, service, systemd
from sdcpp_restapi.cli.service.units import STOP_MARGIN, Service, format_launchd, format_systemd

# systemd's own measure: 10 is without any protection. What remains is the network, and what GPUs need:
# devices, and memory that is written and then run.
MOST_EXPOSED = 2.5

systemd_is_here = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd is not installed"
)


def sdcpp(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["service", *arguments])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home on a machine that systemd does not run."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "SDCPP_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(systemd, "RUNNING", tmp_path / "none")
    monkeypatch.setattr(service, "SERVICE_MANAGER", "systemd")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def unit(home: Path, name: str) -> str:
    return (home / f".config/systemd/user/{name}.service").read_text("utf-8")


def line(text: str, name: str) -> str:
    (found,) = re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)
    return str(found)


def verify(text: str, folder: Path, name: str) -> None:
    """Have systemd read a unit; it may find nothing to complain about."""
    file = folder / f"{name}.service"
    file.write_text(text, "utf-8")
    ended = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", "--man=no", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    # Not about ours: some images lack units that others need.
    told = [one for one in ended.stderr.splitlines() if name in one]
    assert told == []
    assert ended.returncode == 0, ended.stderr


def of_system(folder: Path, **changed: object) -> Service:
    fields = {
        "role": "serve",
        "command": ("/usr/bin/python3", "-P", "-m", "sdcpp_restapi", "serve"),
        "writes": (folder,),
        "grace": 5.0,
        "settings_file": Path("/etc/sdcpp/serve.env"),
        "user": "daemon",
    }
    return Service(**(fields | changed))  # type: ignore[arg-type]


@systemd_is_here
def test_systemd_understands_the_unit_of_a_user(home: Path) -> None:
    assert sdcpp("install", "--models-dir", "my models").exit_code == 0
    verify(unit(home, "sdcpp-server"), home, "sdcpp-server")
    assert sdcpp("install", "--worker", "--nats", "nats://broker:4222", "--name", "cellar").exit_code == 0
    verify(unit(home, "sdcpp-worker"), home, "sdcpp-worker")


@systemd_is_here
def test_systemd_understands_the_unit_of_the_system_and_finds_it_closed(tmp_path: Path) -> None:
    text = format_systemd(of_system(tmp_path))
    verify(text, tmp_path, "sdcpp-server")
    ended = subprocess.run(
        [
            "systemd-analyze",
            "security",
            "--offline=true",
            "--no-pager",
            str(tmp_path / "sdcpp-server.service"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    exposed = re.search(r"Overall exposure level for \S+: ([0-9.]+)", ended.stdout)
    assert exposed is not None, ended.stderr
    assert float(exposed[1]) <= MOST_EXPOSED


def test_a_path_means_in_a_unit_what_it_means_here(tmp_path: Path) -> None:
    odd = 'a %h "b" $c \\d'
    text = format_systemd(of_system(tmp_path, command=("/bin/true", odd)))
    assert line(text, "ExecStart") == r'/bin/true "a %%h \"b\" $$c \\d"'
    assert line(text, "ReadWritePaths") == str(tmp_path)


def test_a_unit_leaves_the_server_its_own_time_to_end(home: Path) -> None:
    (home / "sdcpp.toml").write_text("[server]\nshutdown_grace = 100\n")
    sdcpp("install", "--config", "sdcpp.toml")
    text = unit(home, "sdcpp-server")
    assert line(text, "TimeoutStopSec") == f"{100 + STOP_MARGIN}"
    assert f"--config {home}/sdcpp.toml" in line(text, "ExecStart")
    assert (line(text, "Restart"), line(text, "KillMode"), line(text, "LimitCORE")) == (
        "on-failure",
        "mixed",
        "0",
    )


def test_folders_of_a_service_are_absolute_and_made(home: Path) -> None:
    sdcpp("install", "--models-dir", "models", "--port", "9000")
    words = line(unit(home, "sdcpp-server"), "ExecStart")
    assert f"--models-dir {home}/models " in words
    assert words.endswith("--port 9000")
    assert (home / "models").is_dir()


def test_without_systemd_the_commands_are_told(home: Path) -> None:
    ended = sdcpp("install")
    assert "systemctl --user enable --now sdcpp-server" in ended.output
    assert "systemd does not run here" in sdcpp("status").output
    assert "Removed" in sdcpp("uninstall").output
    assert "No service is installed" in sdcpp("status").output
    assert sdcpp("uninstall").exit_code == 1


def test_with_systemd_the_unit_is_enabled(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = home / "bin"
    tools.mkdir()
    (tools / "systemctl").write_text(f'#!/bin/sh\necho "$@" >>{home}/asked\necho active\n')
    (tools / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setattr(systemd, "RUNNING", home)
    assert "sdcpp-server runs" in sdcpp("install").output
    assert (home / "asked").read_text().splitlines() == [
        "--user daemon-reload",
        "--user enable --now sdcpp-server",
    ]
    assert "active, active" in sdcpp("status").output
    sdcpp("uninstall")
    assert "--user disable --now sdcpp-server" in (home / "asked").read_text()


def test_what_systemd_refuses_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = home / "bin"
    tools.mkdir()
    (tools / "systemctl").write_text("#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n")
    (tools / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setattr(systemd, "RUNNING", home)
    ended = sdcpp("install")
    assert ended.exit_code == 1
    assert "sdcpp-server.service is written, but systemd says: Failed to connect to bus" in ended.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--worker", "--port", "9000"), "--port: a worker has no such flag"),
        (("--worker", "--output-dir", "out"), "--output-dir: a worker has no such flag"),
        (("--name", "cellar"), "--name: the server has no such flag"),
        (("--user", "daemon"), "others need --system"),
        (("--system", "--user", "nobody-of-that-name"), "there is no user 'nobody-of-that-name'"),
    ],
)
def test_what_would_not_start_is_refused(home: Path, arguments: tuple[str, ...], told: str) -> None:
    ended = sdcpp("install", *arguments)
    assert ended.exit_code == 2
    assert told in ended.output


def test_launchd_gets_a_list_with_the_variables_of_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "SERVICE_MANAGER", "launchd")
    variables = home / ".config/sdcpp/serve.env"
    variables.parent.mkdir(parents=True)
    variables.write_text("# keys\nSDCPP_SERVER_API_KEYS=a=b\n")
    assert sdcpp("install", "--no-start").exit_code == 0
    file = launchd.agent_file("sdcpp-server")
    assert file.stat().st_mode & 0o777 == 0o600
    agent = plistlib.loads(file.read_bytes())
    assert agent["EnvironmentVariables"] == {"SDCPP_SERVER_API_KEYS": "a=b"}
    assert agent["KeepAlive"] == {"SuccessfulExit": False}
    assert sdcpp("install", "--system", "--user", "root").exit_code == 2


def test_a_list_for_launchd_needs_no_file_of_variables(tmp_path: Path) -> None:
    agent = plistlib.loads(format_launchd(of_system(tmp_path, settings_file=None), tmp_path / "log"))
    assert agent["EnvironmentVariables"] == {}
    assert agent["ExitTimeOut"] == 5 + STOP_MARGIN


def test_where_nothing_starts_services_that_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "SERVICE_MANAGER", None)
    ended = sdcpp("install")
    assert ended.exit_code == 1
    assert "Task Scheduler" in ended.output
