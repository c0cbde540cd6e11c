"""The branches of Windows, with stand-ins for what only Windows has."""

import asyncio
import ctypes
import importlib.util
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import psutil
import pytest

from sdcpp_restapi import os_support

FILE = Path(os_support.__file__).with_name("windows.py")


class Locking:
    """msvcrt: locks by position, for all files the same."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        self.locked: set[int] = set()

    def locking(self, descriptor: int, mode: int, size: int) -> None:
        assert (mode, size) == (self.LK_NBLCK, 1)
        position = os.lseek(descriptor, 0, os.SEEK_CUR)
        if position in self.locked:
            raise PermissionError(13, "Permission denied")
        self.locked.add(position)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, as Windows would import it."""
    monkeypatch.setitem(sys.modules, "msvcrt", Locking())
    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGUSR2, raising=False)
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0x200, raising=False)
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_KEEPALIVE, raising=False)
    spec = importlib.util.spec_from_file_location("windows_of_os_support", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with monkeypatch.context() as context:
        context.setattr(sys, "platform", "win32")
        spec.loader.exec_module(module)
    return module


def test_both_systems_offer_the_same(windows: ModuleType) -> None:
    posix = importlib.import_module("sdcpp_restapi.os_support.posix")
    names = set(os_support.__all__) - {"OS_NAME", "SERVICE_MANAGER", "count_usable_cpus"}
    assert all(callable(getattr(system, name)) for system in (windows, posix) for name in names)


def test_who_has_the_lock_can_still_be_read(windows: Any, tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("pid 7")
    with path.open("r+") as first, path.open("r+") as second:
        windows.lock_exclusively(first)
        with pytest.raises(BlockingIOError):
            windows.lock_exclusively(second)
        assert second.read() == "pid 7"
        assert min(windows.msvcrt.locked) > path.stat().st_size


def test_open_files_have_no_limit(windows: Any) -> None:
    windows.raise_open_file_limit(10)
    assert windows.get_open_file_limit() is None


@pytest.mark.parametrize(("niceness", "group"), [(5, 0x4000), (10, 0x40)])
def test_niceness_is_a_priority_class(
    windows: Any, monkeypatch: pytest.MonkeyPatch, niceness: int, group: int
) -> None:
    chosen: list[tuple[int, int]] = []
    kernel = SimpleNamespace(
        GetCurrentProcess=lambda: -1, SetPriorityClass=lambda process, group: chosen.append((process, group))
    )
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel), raising=False)
    windows.lower_priority(niceness)
    assert chosen == [(-1, group)]


async def test_ctrl_c_and_ctrl_break_end_the_server(windows: Any) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGUSR2)}
    try:
        windows.call_on_ending_signals(asyncio.get_running_loop(), lambda: told.put_nowait("end"))
        for number in before:
            signal.raise_signal(number)
            assert await asyncio.wait_for(told.get(), 10) == "end"
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def test_an_end_of_a_socket_pair_is_a_stream(windows: Any) -> None:
    # As Windows makes a pair: of TCP.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    reader, writer = await windows.open_socket_stream(ours, 1000)
    with theirs:
        theirs.sendall(b"a line\n")
        assert await reader.readline() == b"a line\n"
    writer.close()
    await writer.wait_closed()


def test_a_child_inherits_its_socket(windows: Any) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        options = windows.list_spawn_options(theirs)
        assert theirs.get_inheritable()
        assert not ours.get_inheritable()
    assert options == {"close_fds": False, "creationflags": 0x200}


def test_a_child_is_killed_with_its_own_children(windows: Any) -> None:
    code = "import subprocess; subprocess.Popen(['sleep', '60']); print('here', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"here\n"
        grandchildren = psutil.Process(child.pid).children()
        windows.kill_group(child.pid)
    assert len(grandchildren) == 1
    assert psutil.wait_procs(grandchildren, 10)[1] == []
    with pytest.raises(ProcessLookupError):
        windows.kill_group(child.pid)


def test_no_exit_code_is_a_signal(windows: Any) -> None:
    assert windows.describe_signal(-1) is None
    assert windows.describe_signal(3) is None


def test_no_other_program_may_listen_on_the_same_port(windows: Any) -> None:
    with socket.socket() as listener:
        windows.fit_listener(listener)
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 0
