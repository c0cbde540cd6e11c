"""Locks, limits and sockets of systems with POSIX's interfaces."""

import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sdcpp_restapi import os_support
from sdcpp_restapi.open_files import fit_connections


def test_a_file_is_locked_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("a+") as first, path.open("a+") as second:
        os_support.lock_exclusively(first)
        with pytest.raises(BlockingIOError):
            os_support.lock_exclusively(second)
        first.close()
        os_support.lock_exclusively(second)


def test_where_open_files_have_no_limit_connections_have_none_but_the_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda _which: unlimited)
    assert os_support.get_open_file_limit() is None
    assert fit_connections(1000, ports=2) == 1000


def test_a_system_that_refuses_a_higher_limit_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_which: int, _limits: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _which: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    os_support.raise_open_file_limit(1000)


@pytest.mark.parametrize(("returncode", "name"), [(-9, "SIGKILL"), (-6, "SIGABRT"), (0, None), (3, None)])
def test_an_exit_code_tells_the_signal(returncode: int, name: str | None) -> None:
    assert os_support.describe_signal(returncode) == name


def test_a_child_inherits_its_socket_and_is_killed_with_its_own_children() -> None:
    ours, theirs = socket.socketpair()
    code = (
        "import socket, subprocess, sys; end = socket.socket(fileno=int(sys.argv[1]));"
        "subprocess.Popen(['sleep', '60'], pass_fds=[end.fileno()]); end.sendall(b'here'); input()"
    )
    with theirs:
        child = subprocess.Popen(
            [sys.executable, "-c", code, str(theirs.fileno())],
            stdin=subprocess.PIPE,
            **os_support.list_spawn_options(theirs),
        )
    with ours:
        assert ours.recv(4) == b"here"
        os_support.kill_group(child.pid)
        # The end of the socket: no process has it any more.
        assert ours.recv(1) == b""
    assert child.wait(10) == -signal.SIGKILL
    assert child.stdin is not None
    child.stdin.close()


def test_a_group_that_has_ended_cannot_be_killed() -> None:
    ended = subprocess.Popen(["true"], start_new_session=True)
    ended.wait(10)
    with pytest.raises(ProcessLookupError):
        os_support.kill_group(ended.pid)
