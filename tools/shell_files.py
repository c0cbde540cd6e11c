"""Writes the folder share/: the manual page of `sdcpp`, and completions for bash, zsh and fish.

    python -m tools.shell_files [FOLDER]

A wheel installs them below the prefix of its environment, where man and the shells look if that is on their
paths. Both are made of the command itself.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main
from rich.text import Text
from typer._completion_shared import get_completion_script

from sdcpp_restapi.cli.commands import app

NAME = "sdcpp"
MANUAL = "man/man1/sdcpp.1"
COMPLETIONS = {
    "bash": "bash-completion/completions/sdcpp",
    "zsh": "zsh/site-functions/_sdcpp",
    "fish": "fish/vendor_completions.d/sdcpp.fish",
}
# zsh runs the file as the function itself the first time that something is completed.
ZSH_END = ("compdef _sdcpp_completion sdcpp", '_sdcpp_completion "$@"')

BEGINNING = """\
.\\" Written by scripts/shell-files.
.TH SDCPP 1 "" "sdcpp" "User Commands"
.nh
.ad l
.SH NAME
sdcpp \\- image and video generation with stable-diffusion.cpp, over HTTP
.SH SYNOPSIS
.B sdcpp
.I COMMAND
.RI [ OPTIONS ]
"""
END = """\
.SH ENVIRONMENT
Every setting of the server is a variable
.IR SDCPP_SECTION_NAME ,
e.g. SDCPP_SERVER_PORT. Flags go before variables, variables before the file that
.B \\-\\-config
names.
.TP
.B SDCPP_URL
Address of the server that the other commands talk to.
.TP
.B SDCPP_API_KEY
The key that they send.
.SH EXIT STATUS
0 went well, 1 failed, 2 wrong arguments or settings, 130 interrupted.
"""


def write_files(folder: Path) -> None:
    """Write all of them below a folder."""
    files = {MANUAL: format_manual()} | {path: complete(shell) for shell, path in COMPLETIONS.items()}
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")


def complete(shell: str) -> str:
    """The completion script of a shell."""
    script = get_completion_script(prog_name=NAME, complete_var="_SDCPP_COMPLETE", shell=shell)
    return script.replace(*ZSH_END) + "\n"


def format_manual() -> str:
    """The manual page, as roff."""
    command: Any = typer.main.get_command(app)
    chapters = [chapter for name in command.commands for chapter in _format(command.commands[name], name)]
    described = [f".SH DESCRIPTION\n{_text(command.help)}\n", ".SH OPTIONS\n", *_options(command)]
    return "".join([BEGINNING, *described, ".SH COMMANDS\n", *chapters, END])


def _format(command: Any, name: str) -> Iterator[str]:
    """A command; a group has a chapter for each of its own."""
    if hasattr(command, "commands"):
        for inner in command.commands:
            yield from _format(command.commands[inner], f"{name} {inner}")
        return
    arguments = " ".join(one.metavar or one.name.upper() for one in command.params if _is_argument(one))
    yield f".SS {NAME} {_text(name)} {_text(arguments)}\n{_text(command.help)}\n"
    yield from _options(command)
    if command.epilog:
        yield f".PP\n{_text(command.epilog)}\n"


def _options(command: Any) -> Iterator[str]:
    for one in command.params:
        if one.hidden:
            continue
        if _is_argument(one):
            spelled = rf"\fI{_text(one.metavar or one.name.upper())}\fR"
        else:
            value = "" if one.is_flag else rf" \fI{_text(one.name.upper())}\fR"
            spelled = ", ".join(rf"\fB{_text(word)}\fR" for word in one.opts) + value
        yield f".TP\n{spelled}\n{_text(one.help or '')}\n"


def _is_argument(parameter: Any) -> bool:
    return not parameter.opts[0].startswith("-")


def _text(marked: str) -> str:
    """Plain text as roff has it, without Rich's marks; an empty line begins a paragraph."""
    plain = Text.from_markup(marked).plain.replace("\\", r"\e").replace("-", r"\-")
    paragraphs = (" ".join(part.split()) for part in plain.split("\n\n"))
    # A line that began with one of these would be an instruction.
    return "\n.PP\n".join(rf"\&{part}" if part[:1] in (".", "'") else part for part in paragraphs)


if __name__ == "__main__":
    write_files(Path(sys.argv[1] if len(sys.argv) > 1 else "share"))
