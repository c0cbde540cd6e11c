"""From the start of a cold process to its first answer."""

import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from .report import Figure

MOST_SECONDS = 30.0


def startup(root: Path, times: int) -> Figure:
    """The median of some starts on an empty data directory."""
    seconds = [_start(root / f"start_{number}") for number in range(times)]
    shown = ", ".join(f"{one * 1000:.0f}" for one in seconds)
    return Figure(
        "start-up to the first /health", statistics.median(seconds) * 1000, "ms", 1000, detail=shown
    )


def _start(root: Path) -> float:
    root.mkdir()
    port = _free_port()
    folders = ("--models-dir", "models", "--output-dir", "output", "--data-dir", "data")
    command = ("serve", "--port", str(port), "--ws-port", "0", *folders)
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "sdcpp_restapi", *command],
        cwd=root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        return _first_answer(process, port, began) - began
    finally:
        process.terminate()
        process.wait()


def _first_answer(process: subprocess.Popen[bytes], port: int, began: float) -> float:
    while time.perf_counter() - began < MOST_SECONDS and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=MOST_SECONDS).close()
        except urllib.error.URLError:
            time.sleep(0.005)
        else:
            return time.perf_counter()
    raise RuntimeError("the server ended, or did not answer in time")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
