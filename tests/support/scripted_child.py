"""A child that speaks the engine's pipe protocol and misbehaves as told. Run in place of the real one:

    scripted_child.py SCENARIO STATE_DIR ... --fd N

What comes after STATE_DIR is the real child's command line, of which only the fd is used.
"""

import json
import os
import signal
import socket
import struct
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

COMMIT, OTHER_COMMIT = "5c41b7e", "0a7be2d"


class ScriptedChild:
    """The other end of the server's socket."""

    def __init__(self, scenario: str, state: Path, fd: int) -> None:
        self.scenario = scenario
        self.state = state
        self.socket = socket.socket(fileno=fd)
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.cancelled = False
        self.prompt = ""

    def run(self) -> None:
        """Play the scenario until the server is gone."""
        before_hello = BEFORE_HELLO.get(self.scenario)
        if before_hello is not None:
            before_hello(self)
        commit = OTHER_COMMIT if self.scenario == "of_another_revision" else COMMIT
        self.say(
            kind="hello", commit=commit, version="0", system_info="", devices=["CPU\tscripted"],
            physical_cores=1, library="none",
        )  # fmt: skip
        for line in self.lines:
            command = json.loads(line)
            if command["kind"] == "shutdown":
                return
            try:
                getattr(self, command["kind"])(command)
            except FileNotFoundError as error:
                # As the real one: a server that stops deletes the folder of a job that is still written to.
                told = {"code": "job_failed", "message": f"{error.filename} cannot be written"}
                self.say(kind="refused", id=command["id"], error=told)

    def say(self, **report: object) -> None:
        """One report."""
        self.socket.sendall(json.dumps(report).encode() + b"\n")

    def load(self, command: dict[str, Any]) -> None:
        """Load: succeeds, unless the scenario is about loading."""
        self.say(kind="load_step", id=command["id"], step=1, total_steps=2)
        WHILE_LOADING.get(self.scenario, _nothing)(self)
        if REFUSES.get(self.scenario, _no)(self) or "refuse" in Path(command["files"]["main"]).name:
            self.say(
                kind="refused",
                id=command["id"],
                error={"code": "job_failed", "message": "refused as scripted"},
            )
            return
        video = "wan" in Path(command["files"]["main"]).name
        self.say(
            kind="loaded", id=command["id"], engine_architecture="Wan 2.x" if video else "SD 1.x",
            makes_images=not video, makes_videos=video, seconds=0.0,
        )  # fmt: skip

    def unload(self, command: dict[str, Any]) -> None:
        """Unload: always succeeds."""
        self.say(kind="unloaded", id=command["id"])

    unload_upscaler = unload

    def load_upscaler(self, command: dict[str, Any]) -> None:
        """Load an upscaler: always succeeds."""
        self.say(kind="upscaler_ready", id=command["id"], upscale_factor=4, seconds=0.0)

    def upscale(self, command: dict[str, Any]) -> None:
        """Upscale: to one grey pixel."""
        Path(command["folder"], "image_0.png").write_bytes(self._picture())
        self.say(
            kind="upscaled", id=command["id"], file="image_0.png", width=1, height=1, seconds=0.0,
            write_seconds=0.0,
        )  # fmt: skip

    def generate(self, command: dict[str, Any]) -> None:
        """Generate: `steps` steps of 5 ms, then one grey pixel per image."""
        if self._sample(command):
            self._finish(command)

    def generate_video(self, command: dict[str, Any]) -> None:
        """Generate a video: `steps` steps of 5 ms, then a file that is none."""
        if self._sample(command):
            Path(command["folder"], "video.mp4").write_bytes(b"scripted")
            self.say(
                kind="video_generated", id=command["id"], files=["video.mp4"], seconds=0.0, write_seconds=0.0
            )

    def _sample(self, command: dict[str, Any]) -> bool:
        """Whether all steps were done, and not cancelled."""
        params = command["params"]
        self.prompt = params["prompt"]
        for step in range(1, params["steps"] + 1):
            AT_EACH_STEP.get(self.scenario, _nothing)(self)
            if step == 3:
                AT_STEP_3.get(self.scenario, _nothing)(self)
                if params.get("keep_finished"):
                    self._finish_one(command)
            self.say(
                kind="step", id=command["id"], step=step, total_steps=params["steps"], image=0,
                images=params.get("batch_count", 1),
            )  # fmt: skip
            if self._told_to_cancel(command["id"], seconds=0.005):
                self.say(
                    kind="refused", id=command["id"], error={"code": "job_cancelled", "message": "cancelled"}
                )
                return False
        return True

    def _finish(self, command: dict[str, Any]) -> None:
        params, images = command["params"], []
        for index in range(params["batch_count"]):
            name = f"image_{index}.png"
            Path(command["folder"], name).write_bytes(self._picture())
            images.append({"file": name, "seed": params["seed"] + index, "width": 1, "height": 1})
        self.say(kind="generated", id=command["id"], images=images, seconds=0.0, write_seconds=0.0)

    def _picture(self) -> bytes:
        """A grey pixel, in a large file if the prompt says so."""
        return _grey_pixel(400_000 if "large" in self.prompt else 0)

    def _finish_one(self, command: dict[str, Any]) -> None:
        """One image of the batch is written, and the next one half."""
        Path(command["folder"], "image_0.png").write_bytes(self._picture())
        Path(command["folder"], ".image_1.png.tmp").write_bytes(b"half")
        images = [{"file": "image_0.png", "seed": command["params"]["seed"], "width": 1, "height": 1}]
        made = {"id": command["id"], "images": images, "seconds": 0.0, "write_seconds": 0.0}
        self.say(kind="partial", id=command["id"], made=made)

    def want_previews(self, _command: dict[str, Any]) -> None:
        """Its previews are part of a scenario."""

    def cancel(self, _command: dict[str, Any]) -> None:
        """A cancel that comes when nothing runs."""

    def _told_to_cancel(self, call_id: int, seconds: float) -> bool:
        if self.scenario == "deaf":
            time.sleep(seconds)
            return False
        self.socket.settimeout(seconds)
        try:
            ahead = self.socket.recv(65536, socket.MSG_PEEK)
        except TimeoutError:
            return False
        finally:
            self.socket.settimeout(None)
        if not ahead:
            os._exit(0)
        command = json.loads(self.lines.readline())
        if command["kind"] == "shutdown":
            os._exit(0)
        return bool(command["kind"] == "cancel" and command["id"] == call_id)

    def first_time(self) -> bool:
        """Whether this scenario has not been played yet, by this child or one before it."""
        marker = self.state / f"{self.scenario}.played"
        try:
            marker.touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


def _nothing(_child: ScriptedChild) -> None:
    pass


def _no(_child: ScriptedChild) -> bool:
    return False


def _kill_self(_child: ScriptedChild) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _kill_self_once(child: ScriptedChild) -> None:
    if child.first_time():
        _kill_self(child)


def _assert(_child: ScriptedChild) -> None:
    print("ggml.c:1234: GGML_ASSERT(a->ne[0] == b->ne[0]) failed", file=sys.stderr, flush=True)
    os.abort()


def _stop(_child: ScriptedChild) -> NoReturn:
    while True:
        signal.pause()


def _wait_at_the_gate(child: ScriptedChild) -> None:
    """Until the writers of a FIFO named `gate` are gone, where there is one."""
    with suppress(FileNotFoundError):
        (child.state / "gate").read_bytes()


def _wait_for_leave(child: ScriptedChild) -> None:
    """Until somebody has opened a FIFO named `leave`; then as long as a step takes that clients hear of."""
    (child.state / "leave").read_bytes()
    time.sleep(0.15)


def _flood(child: ScriptedChild) -> None:
    for step in range(500):
        child.say(
            kind="preview", id=2, step=step, frame_count=1, width=8, height=8, is_noisy=False, mode="proj",
            interval=1, jpeg="A" * 100_000,
        )  # fmt: skip


def _garbage(child: ScriptedChild) -> None:
    if child.first_time():
        child.socket.sendall(bytes(range(256)) * 40 + b"\n")


def _endless_line(child: ScriptedChild) -> None:
    if child.first_time():
        for _ in range(32):
            child.socket.sendall(b"x" * 2**20)


def _close_socket(child: ScriptedChild) -> None:
    if child.first_time():
        child.socket.shutdown(socket.SHUT_RDWR)
        _stop(child)


def _exit_at_once(_child: ScriptedChild) -> None:
    print("cannot open shared object file", file=sys.stderr, flush=True)
    sys.exit(7)


def _unusable(child: ScriptedChild) -> None:
    child.say(kind="unusable", error="install another engine")
    sys.exit(3)


Act = Callable[[ScriptedChild], None]
BEFORE_HELLO: dict[str, Act] = {
    "exits_at_once": _exit_at_once,
    "never_says_hello": _stop,
    "says_hello_late": _wait_at_the_gate,
    "unusable": _unusable,
    "greets_with_garbage": lambda child: child.socket.sendall(b"hello, world\n"),
}
WHILE_LOADING: dict[str, Act] = {
    "obeys": _wait_at_the_gate,
    "dies_while_loading": _kill_self,
    "dies_while_loading_once": _kill_self_once,
}
REFUSES: dict[str, Callable[[ScriptedChild], bool]] = {
    "refuses_models": lambda _child: True,
    "refuses_models_once": lambda child: child.first_time(),
}
AT_EACH_STEP: dict[str, Act] = {"asks_leave_for_each_step": _wait_for_leave}
AT_STEP_3: dict[str, Act] = {
    "killed_at_step_3": _kill_self,
    "killed_at_step_3_once": _kill_self_once,
    "killed_by_a_word": lambda child: _kill_self(child) if "deadly" in child.prompt else None,
    "fails_an_assertion": _assert,
    "hangs": lambda child: _stop(child) if child.first_time() else None,
    "floods_previews": _flood,
    "writes_garbage": _garbage,
    "writes_an_endless_line": _endless_line,
    "closes_its_socket": _close_socket,
}


def _grey_pixel(comment: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixel = zlib.compress(b"\x00\x80")
    chunks = {b"IHDR": header, b"tEXt": b"Comment\0" + b"-" * comment, b"IDAT": pixel, b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in chunks.items())


if __name__ == "__main__":
    fd = int(sys.argv[sys.argv.index("--fd") + 1])
    ScriptedChild(sys.argv[1], Path(sys.argv[2]), fd).run()
