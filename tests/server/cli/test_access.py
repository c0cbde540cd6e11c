"""`sdcpp keys` and `sdcpp users`: in a data directory without a server, and by the server that has it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sdcpp_restapi.cli.commands import app
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import serving


def run(folder: Path, *arguments: str, **variables: str) -> Result:
    """A command on the data directory that a server below `folder` has."""
    env = {"SDCPP_URL": None, "SDCPP_API_KEY": None, "SDCPP_CONFIG": None, **variables}
    return CliRunner().invoke(app, [*arguments, "--data-dir", str(folder / "data")], env=env)


def test_keys_and_users_are_made_offline_and_open_the_server_then(tmp_path: Path) -> None:
    added = run(tmp_path, "users", "add", "anna", "--max-pending", "7")
    assert (added.exit_code, added.stdout) == (
        0,
        "anna: 0 keys, 0 of 7 waiting jobs, 0.00 of any number GB\n",
    )
    assert added.stderr == f"in {tmp_path / 'data'}\n"
    first = run(tmp_path, "keys", "add", "phone", "--user", "anna")
    assert first.exit_code == 1
    assert "it must be 'manage'" in first.stderr
    root = run(tmp_path, "keys", "add", "root", "--scope", "manage").stdout.strip()
    phone = json.loads(run(tmp_path, "keys", "add", "phone", "--user", "anna", "--json").stdout)
    with serving(tmp_path, loaded=False) as server:
        assert server.http.get("/health").status_code == 401
        server.http.headers["x-api-key"] = phone["key"]
        assert server.get("/keys/self")["user"] == "anna"
        _by_the_server(tmp_path, server, root)
        assert server.http.get("/health").status_code == 401
    listed = json.loads(run(tmp_path, "keys", "list", "--json").stdout)["keys"]
    assert [(one["name"], one["scope"]) for one in listed] == [("root", "manage")]
    revoked = run(tmp_path, "keys", "revoke", "root")
    assert "there are none any more" in revoked.stdout
    assert "No keys" in run(tmp_path, "keys", "list").stderr


def _by_the_server(folder: Path, server: RunningServer, key: str) -> None:
    """The same commands find the server that has the directory."""
    refused = run(folder, "keys", "list")
    assert refused.exit_code == 1
    assert "An API key is required" in refused.stderr
    listed = run(folder, "keys", "list", SDCPP_API_KEY=key)
    assert listed.stderr == f"by the server at {server.url}\n"
    shown = [line.partition("  ")[2].partition(",")[0].strip() for line in listed.stdout.splitlines()]
    assert sorted(shown) == ["phone (generate", "root (manage)"]
    changed = run(folder, "users", "set", "anna", "--max-gigabytes", "1.5", "--json", SDCPP_API_KEY=key)
    (user,) = json.loads(changed.stdout)["users"]
    assert (user["max_pending"], user["max_gigabytes"], user["keys"]) == (7, 1.5, 1)
    usual = run(folder, "users", "set", "anna", "--usual", SDCPP_API_KEY=key)
    assert "0 of 100 waiting jobs" in usual.stdout
    last = run(folder, "keys", "revoke", "root", SDCPP_API_KEY=key)
    assert (last.exit_code, "the last key" in last.stderr) == (1, True)
    added = run(folder, "keys", "add", "bot", SDCPP_API_KEY=key)
    assert added.stdout.startswith("sdcpp_")
    assert "Key bot revoked" in run(folder, "keys", "revoke", "bot", SDCPP_API_KEY=key).stdout
    assert "1 keys revoked" in run(folder, "users", "remove", "anna", SDCPP_API_KEY=key).stdout
    assert run(folder, "users", "list", SDCPP_API_KEY=key).stdout == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("keys", "add", "a b"), "name: 'a b' is not allowed"),
        (("keys", "add", "x", "--scope", "admin"), "scope: 'admin' is not allowed"),
        (("users", "add", "x", "--max-pending", "-1"), "max-pending: -1 is not allowed"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_opened(
    tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    refused = run(tmp_path, *arguments)
    assert (refused.exit_code, told in refused.stderr) == (2, True)
    assert not (tmp_path / "data").exists()


def test_what_does_not_exist_is_told(tmp_path: Path) -> None:
    for arguments in (("keys", "revoke", "x"), ("users", "set", "x"), ("users", "remove", "x")):
        refused = run(tmp_path, *arguments)
        assert (refused.exit_code, "there is no" in refused.stderr.lower()) == (1, True)
