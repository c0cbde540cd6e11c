"""Windows. Written after Python's documentation, and run against stand-ins only."""

import asyncio
import ctypes
import msvcrt
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

assert sys.platform == "win32"

# Locks keep others from reading what is locked, and who has the lock must be readable: a byte far behind it.
LOCKED_BYTE = 2**30
# From the niceness on which a process is to wait for nearly all others.
IDLE_NICENESS = 10
BELOW_NORMAL, IDLE = 0x4000, 0x40  # SetPriorityClass


def lock_exclusively(file: TextIO) -> None:
    """Lock an open file until it is closed, however the process ends. Raises BlockingIOError when it is."""
    position = os.lseek(file.fileno(), 0, os.SEEK_CUR)
    os.lseek(file.fileno(), LOCKED_BYTE, os.SEEK_SET)
    try:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError as error:
        raise BlockingIOError(error.errno, "locked by another process") from None
    finally:
        os.lseek(file.fileno(), position, os.SEEK_SET)


def sync_folder(folder: Path) -> None:
    """Nothing: NTFS writes the names of files by itself, and folders cannot be opened."""


def sync_disks() -> None:
    """Nothing: only an administrator may ask for it; the system writes within seconds by itself."""


# ---------------------------------------------------------------- limits


def get_open_file_limit() -> int | None:
    """How many files this process may have open; None = any number: sockets are no files here."""
    return None


def raise_open_file_limit(most: int) -> None:
    """Nothing: there is no such limit of sockets."""


def lower_priority(niceness: int) -> None:
    """Let other processes go first: `niceness` is 1 to 19."""
    kernel = ctypes.windll.kernel32
    kernel.SetPriorityClass(kernel.GetCurrentProcess(), IDLE if niceness >= IDLE_NICENESS else BELOW_NORMAL)


def prefer_as_victim(score: int) -> None:
    """Nothing: when memory runs out, whoever asks for some is refused."""


# ---------------------------------------------------------------- signals


def call_on_ending_signals(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """Call it at each Ctrl-C and Ctrl-Break; event loops take no handlers of signals here."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(callback)

    for number in (signal.SIGINT, signal.SIGBREAK):
        signal.signal(number, handle)


def end_on_interrupt() -> None:
    """Ctrl-C ends this process at once."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def ignore_interrupts() -> None:
    """Ctrl-C is none of this process's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def describe_signal(returncode: int) -> str | None:
    """The name of the signal that a process was killed by: there are none."""
    return None


# ---------------------------------------------------------------- sockets and child processes


def fit_listener(listener: socket.socket) -> None:
    """To be called before it is bound: no other program may bind the same port, as it could by default."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)


def list_spawn_options(inherited: socket.socket) -> dict[str, Any]:
    """Keyword arguments of subprocess.Popen for a child that inherits a socket under the same number.

    It has a process group of its own: Ctrl-C is for the server, which ends its children in order.
    """
    inherited.set_inheritable(True)
    return {"close_fds": False, "creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}


async def open_socket_stream(
    end: socket.socket, limit: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Both directions of one end of a socket pair; a line may have `limit` bytes."""
    return await asyncio.open_connection(sock=end, limit=limit)


def kill_group(pid: int) -> None:
    """Kill a child that was spawned with these options, and its own children. Raises ProcessLookupError."""
    import psutil  # 20 ms that a child process does without

    try:
        process = psutil.Process(pid)
        family = [*process.children(recursive=True), process]
        for one in family:
            one.kill()
    except psutil.NoSuchProcess:
        raise ProcessLookupError(pid) from None
