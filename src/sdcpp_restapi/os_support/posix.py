"""Linux, macOS, and what else has POSIX's interfaces."""

import asyncio
import fcntl
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

assert sys.platform != "win32"


def lock_exclusively(file: TextIO) -> None:
    """Lock an open file until it is closed, however the process ends. Raises BlockingIOError when it is."""
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_disks() -> None:
    """Have everything on the disks: thousands of small files get there sooner together than one by one."""
    os.sync()


# ---------------------------------------------------------------- limits


def get_open_file_limit() -> int | None:
    """How many files this process may have open; None = any number."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def raise_open_file_limit(most: int) -> None:
    """Allow this process as many open files as the system lets it have, and no more than `most`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(hard, most)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # macOS tells no limit and has one all the same.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def lower_priority(niceness: int) -> None:
    """Let other processes go first: `niceness` is 1 to 19."""
    os.nice(niceness)


def prefer_as_victim(score: int) -> None:
    """Have the kernel take this process when memory runs out: `score` is 1 to 1000. Linux only."""
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(str(score))


# ---------------------------------------------------------------- signals


def call_on_ending_signals(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """Call it at each SIGINT, SIGTERM and, unless nohup had it ignored, SIGHUP: the terminal is gone."""
    hangup = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    for number in (signal.SIGINT, signal.SIGTERM, *hangup):
        loop.add_signal_handler(number, callback)


def end_on_interrupt() -> None:
    """Ctrl-C ends this process at once."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def ignore_interrupts() -> None:
    """Ctrl-C is none of this process's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def describe_signal(returncode: int) -> str | None:
    """The name of the signal that a process was killed by; None = it was not."""
    return signal.Signals(-returncode).name if returncode < 0 else None


# ---------------------------------------------------------------- sockets and child processes


def fit_listener(listener: socket.socket) -> None:
    """To be called before it is bound: connections that have ended do not keep its port."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def list_spawn_options(inherited: socket.socket) -> dict[str, Any]:
    """Keyword arguments of subprocess.Popen for a child that inherits a socket under the same number.

    It has a session of its own: Ctrl-C in the terminal is for the server, which ends its children in order.
    """
    return {"pass_fds": (inherited.fileno(),), "start_new_session": True}


async def open_socket_stream(
    end: socket.socket, limit: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Both directions of one end of a socket pair; a line may have `limit` bytes."""
    return await asyncio.open_unix_connection(sock=end, limit=limit)


def kill_group(pid: int) -> None:
    """Kill a child that was spawned with these options, and its own children. Raises ProcessLookupError."""
    os.killpg(pid, signal.SIGKILL)
