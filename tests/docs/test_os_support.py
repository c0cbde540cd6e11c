"""What only some operating systems have is used in one room."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.source_tree import PACKAGE, ROOT

ROOM = PACKAGE / "os_support"
MODULES = {
    "fcntl",
    "resource",
    "signal",
    "msvcrt",
    "winreg",
    "pwd",
    "grp",
    "termios",
    "pty",
    "syslog",
    "_winapi",
}
OF_SYSTEMS = {
    "os": {"name", "nice", "fork", "killpg", "getpgid", "setsid", "getuid", "geteuid", "getgid", "getpgrp",
           "kill", "mkfifo", "sched_getaffinity", "sched_setaffinity", "statvfs", "startfile", "uname",
           "wait", "waitpid", "register_at_fork", "posix_fallocate", "O_DIRECTORY", "O_NOFOLLOW",
           "sync", "pread", "pwrite", "preadv", "pwritev"},
    "sys": {"platform", "getwindowsversion"},
    "socket": {"SO_REUSEADDR", "SO_REUSEPORT", "SO_EXCLUSIVEADDRUSE", "AF_UNIX", "send_fds", "recv_fds"},
    "asyncio": {"open_unix_connection", "start_unix_server"},
    "platform": {"system"},
}  # fmt: skip
METHODS = {"add_signal_handler", "remove_signal_handler"}
ARGUMENTS = {"pass_fds", "start_new_session", "preexec_fn", "creationflags", "process_group"}
FOLDERS = ("/proc/", "/sys/", "/dev/")


def find_differences(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, what) of everything that not every system has."""
    renamed: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                renamed |= {one.asname or one.name: one.name for one in names}
                yield from ((node.lineno, one.name) for one in names if one.name in MODULES)
            case ast.ImportFrom(module=str(module), level=0, names=names):
                found = {one.name for one in names} & OF_SYSTEMS.get(module, set())
                yield from ((node.lineno, f"{module}.{name}") for name in found)
                if module in MODULES:
                    yield node.lineno, module
            case ast.Call(keywords=keywords):
                yield from ((node.lineno, word.arg) for word in keywords if word.arg in ARGUMENTS)
            case ast.Constant(value=str(text)) if text.startswith(FOLDERS):
                yield node.lineno, text
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            module = renamed.get(node.value.id, "") if isinstance(node.value, ast.Name) else ""
            if node.attr in METHODS or node.attr in OF_SYSTEMS.get(module, ()):
                yield node.lineno, f"{module}.{node.attr}"


def test_one_room_knows_what_differs_between_systems() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {what}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if ROOM not in path.parents
        for line, what in find_differences(ast.parse(path.read_text("utf-8")))
    ]
    assert found == []


@pytest.mark.heavy
@pytest.mark.timeout(600)
@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_the_types_hold_on_other_systems_too(platform: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mypy", "--platform", platform, "--cache-dir", str(tmp_path), "src"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout


def test_the_search_finds_what_it_looks_for() -> None:
    code = """
import fcntl, os as system, socket
from sys import platform
system.nice(1)
socket.socket().setsockopt(1, socket.SO_REUSEADDR, 1)
run(pass_fds=())
loop.add_signal_handler(2, print)
open("/proc/cpuinfo")
"""
    found = {what for _, what in find_differences(ast.parse(code))}
    assert found == {
        "fcntl", "sys.platform", "os.nice", "socket.SO_REUSEADDR", "pass_fds", ".add_signal_handler",
        "/proc/cpuinfo",
    }  # fmt: skip
