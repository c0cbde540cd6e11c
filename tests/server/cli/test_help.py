"""Help, version, and what typing errors meet."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sdcpp_restapi import __version__
from sdcpp_restapi.cli.commands import app
from tests.support.command import sdcpp

COMMANDS = (
    *("serve", "demo", "generate", "queue", "doctor", "mcp", "pull"),
    *("backup", "restore", "check", "upgrade"),
)
MODELS = (
    *("list", "inspect", "hash", "download", "convert", "load", "unload", "du"),
    *("resolve", "rename", "note", "tag", "duplicates", "updates", "trash", "restore"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(tmp_path: Path, command: str) -> None:
    ended = sdcpp(command, "--help", folder=tmp_path)
    assert ended.returncode == 0
    assert "Examples" in ended.stdout
    assert f"sdcpp {command}" in ended.stdout
    assert ended.stderr == ""


def test_without_a_command_the_commands_are_listed(tmp_path: Path) -> None:
    ended = sdcpp(folder=tmp_path)
    assert all(
        command in ended.stdout + ended.stderr for command in ("serve", "demo", "generate", "queue", "doctor")
    )


def test_the_version_is_told(tmp_path: Path) -> None:
    assert sdcpp("--version", folder=tmp_path).stdout == f"sdcpp {__version__}\n"


@pytest.mark.parametrize("command", MODELS)
def test_the_commands_about_models_have_help_with_examples_too(command: str) -> None:
    assert command in CliRunner().invoke(app, ["models", "--help"]).stdout
    shown = CliRunner().invoke(app, ["models", command, "--help"]).stdout
    assert "Examples" in shown
    assert f"sdcpp models {command}" in shown


@pytest.mark.parametrize("command", ["search", "download", "rm"])
def test_the_commands_that_find_and_delete_models_have_help_with_examples(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"]).stdout
    assert "Examples" in shown
    assert f"sdcpp {command}" in shown


@pytest.mark.parametrize("arguments", [("sreve",), ("serve", "--prot", "1"), ("serve", "--port", "x")])
def test_a_typing_error_has_exit_code_2_and_no_traceback(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ended = sdcpp(*arguments, folder=tmp_path)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("module", "unneeded"),
    [
        ("sdcpp_restapi.cli.commands", ("rich", "httpx", "fastapi", "pydantic_settings", "numpy")),
        ("sdcpp_restapi.cli.serve", ("huggingface_hub", "numpy", "safetensors")),
    ],
)
def test_commands_start_without_what_they_do_not_need(module: str, unneeded: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print(*[name for name in {unneeded!r} if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == []
