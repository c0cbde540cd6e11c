"""Completion in real shells, and the manual page."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import environment
from tools.shell_files import COMPLETIONS, MANUAL, write_files

SHARE = Path(__file__).parents[3] / "share"

BASH = """
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_sdcpp_completion "$1"
printf '%s\\n' "${COMPREPLY[@]}"
"""
# What zsh's own functions would be given.
ZSH = """
fpath=("${1:h}" $fpath)
autoload -U compinit && compinit -u -D
shift
words=("$@")
CURRENT=$#
_arguments() { print -l -- "$@" }
autoload -U _sdcpp
_sdcpp
"""
FISH = "source $argv[1]; complete -C (string join ' ' $argv[2..])"


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PATH in which the command is called sdcpp."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "sdcpp").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sdcpp_restapi "$@"\n')
    (folder / "sdcpp").chmod(0o755)
    return folder


def complete(shell: str, code: str, commands: Path, *words: str) -> str:
    """What a shell offers for the last of these words."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    variables = environment(commands)
    variables["PATH"] = f"{commands}:{variables['PATH']}"
    flags = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    # What stands after the code: bash and zsh count from 0.
    zero = [] if shell == "fish" else [shell]
    command = [program, *flags, "-c", code, *zero, str(SHARE / COMPLETIONS[shell]), *words]
    ended = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60)
    assert ended.stderr == ""
    return ended.stdout


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("sdcpp", "serv"), {"serve", "service"}),
        (("sdcpp", "models", "l"), {"list", "load"}),
        (("sdcpp", "serve", "--ho"), {"--host"}),
        (("sdcpp", "serve", "--log-level", "w"), {"warning"}),
        (("sdcpp", "generate", "'a cat'", "--scheduler", "kar"), {"karras"}),
        (("sdcpp", "models", "list", "--type", "lo"), {"lora"}),
    ],
)
def test_bash_completes_commands_flags_and_values(
    commands: Path, words: tuple[str, ...], offered: set[str]
) -> None:
    assert set(complete("bash", BASH, commands, *words).split()) == offered


def test_zsh_completes_at_the_first_key_already(commands: Path) -> None:
    assert '"serve":"Run the server until Ctrl-C."' in complete("zsh", ZSH, commands, "sdcpp", "ser")


def test_fish_completes_with_a_description(commands: Path) -> None:
    assert complete("fish", FISH, commands, "sdcpp", "serve") == "serve\tRun the server until Ctrl-C.\n"


def test_the_manual_page_and_the_completions_are_those_of_the_command(tmp_path: Path) -> None:
    write_files(tmp_path)
    for path in (MANUAL, *COMPLETIONS.values()):
        assert (SHARE / path).read_text("utf-8") == (tmp_path / path).read_text("utf-8"), (
            "run scripts/shell-files"
        )


def test_man_has_nothing_to_say_about_the_page() -> None:
    if shutil.which("man") is None:
        pytest.skip("man is not installed")
    ended = subprocess.run(
        ["man", "--warnings", "--local-file", str(SHARE / MANUAL)],
        env={"MANWIDTH": "80", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.stderr == ""
    assert "sdcpp serve" in ended.stdout
    assert "--host HOST" in ended.stdout
