"""Drive the engine in a process of its own, because it may abort: `drive(request)` starts one and answers.

A request is {"context": {"diffusion": path, "t5xxl": path, ...}, "jobs": [{"prompt": ..., "lora": path}]} or
{"upscaler": path}; every picture becomes {"sha256", "shape", "deviation", "seconds"}, and with "save" a PNG.
Structures are filled by offset: sizes and offsets as measured on stable-diffusion.cpp 487de75 (64 bit).
"""

import ctypes
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from ctypes import POINTER, byref, c_bool, c_char_p, c_float, c_int, c_int64, c_uint32, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

type Pixels = NDArray[np.uint8]

ROOT = Path(__file__).parents[2]
QUIET = {"GGML_NO_BACKTRACE": "1", "OMP_WAIT_POLICY": "passive"}
PATHS = {
    "checkpoint": 0,
    "clip_l": 8,
    "t5xxl": 32,
    "llm": 48,
    "diffusion": 56,
    "vae": 88,
    "taesd": 104,
    "controlnet": 112,
}
"""Offsets of the paths in sd_ctx_params_t. The main model goes by its type: checkpoint or diffusion."""


class Picture(ctypes.Structure):
    """sd_image_t: height x width x channel bytes."""

    _fields_ = (("width", c_uint32), ("height", c_uint32), ("channel", c_uint32), ("data", c_void_p))

    def pixels(self) -> Pixels:
        """A copy of them."""
        raw = ctypes.string_at(self.data, self.width * self.height * self.channel)
        return np.frombuffer(raw, np.uint8).reshape(self.height, self.width, self.channel)


class Lora(ctypes.Structure):
    """sd_lora_t."""

    _fields_ = (("is_high_noise", c_bool), ("multiplier", c_float), ("path", c_char_p))


class Embedding(ctypes.Structure):
    """sd_embedding_t."""

    _fields_ = (("name", c_char_p), ("path", c_char_p))


class Parameters:
    """One of the engine's structures with its defaults; what is put into it stays alive with it."""

    def __init__(self, size: int, defaults: Any) -> None:
        self.buffer = ctypes.create_string_buffer(size)
        self._alive: list[Any] = []
        defaults(self.buffer)

    def put(self, offset: int, value: Any) -> None:
        """Write a ctypes number, or the address of bytes or of a structure."""
        if isinstance(value, bytes | ctypes.Structure):
            self._alive.append(value)
            source = c_char_p(value) if isinstance(value, bytes) else ctypes.pointer(value)
            value = ctypes.cast(source, c_void_p)
        ctypes.memmove(ctypes.addressof(self.buffer) + offset, byref(value), ctypes.sizeof(value))


def drive(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Answer a request in a fresh process; a RuntimeError carries the engine's last words."""
    answer = subprocess.run(
        [sys.executable, "-m", "tests.tiny.drive"],
        input=json.dumps(request, default=str),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | QUIET,
    )
    if answer.returncode:
        raise RuntimeError(f"the engine ended with {answer.returncode}: {answer.stderr[-3000:]}")
    return [json.loads(line) for line in answer.stdout.splitlines() if line.startswith("{")]


def main() -> None:
    """The child: answer the request on standard input."""
    import cyllama

    engine = ctypes.CDLL(str(Path(cyllama.__file__).parent / "sd" / "stable_diffusion.abi3.so"))
    progress = ctypes.CFUNCTYPE(None, c_int, c_int, c_float, c_void_p)(lambda *_: None)
    engine.sd_set_progress_callback(progress, None)
    log = ctypes.CFUNCTYPE(None, c_int, c_char_p, c_void_p)(lambda _, text, __: os.write(2, text) and None)
    engine.sd_set_log_callback(log, None)
    request = json.load(sys.stdin)
    if "upscaler" in request:
        _report(_upscale(engine, request["upscaler"]), time.monotonic())
        return
    context = _load(engine, request["context"])
    for job in request["jobs"]:
        started, save = time.monotonic(), job.pop("save", None)
        pixels = _generate(engine, context, **job)
        _report(pixels, started)
        if save:
            Image.fromarray(pixels).save(save)


def _report(pixels: Pixels, started: float) -> None:
    seconds = round(time.monotonic() - started, 3)
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    found = {"sha256": digest, "shape": pixels.shape, "deviation": float(pixels.std()), "seconds": seconds}
    print(json.dumps(found), flush=True)


def _load(engine: ctypes.CDLL, files: Mapping[str, str]) -> c_void_p:
    parameters = Parameters(280, engine.sd_ctx_params_init)
    parameters.put(176, c_int(2))  # n_threads
    parameters.put(225, c_bool(True))  # eager_load
    if embedding := files.get("embedding"):
        parameters.put(136, Embedding(Path(embedding).stem.encode(), embedding.encode()))
        parameters.put(144, c_uint32(1))
    for component in PATHS.keys() & files.keys():
        parameters.put(PATHS[component], files[component].encode())
    engine.new_sd_ctx.restype = c_void_p
    started = time.monotonic()
    context = engine.new_sd_ctx(parameters.buffer)
    os.write(2, b"loaded in %.2f s\n" % (time.monotonic() - started))
    return c_void_p(context) if context else sys.exit("the engine refused the model")


def _generate(engine: ctypes.CDLL, context: c_void_p, prompt: str = "a cat", seed: int = 1, steps: int = 2,
              size: int = 64, cfg: float = 1.0, lora: str | None = None) -> Pixels:  # fmt: skip
    parameters = Parameters(544, engine.sd_img_gen_params_init)
    parameters.put(16, prompt.encode())
    parameters.put(112, c_int(size))
    parameters.put(116, c_int(size))
    parameters.put(120, c_float(cfg))
    parameters.put(176, c_int(steps))
    parameters.put(224, c_int64(seed))
    if lora:
        parameters.put(0, Lora(False, 1.0, lora.encode()))
        parameters.put(8, c_uint32(1))
    pictures, count = POINTER(Picture)(), c_int()
    engine.generate_image.restype = c_bool
    made = engine.generate_image(context, parameters.buffer, byref(pictures), byref(count))
    return pictures[0].pixels() if made else sys.exit("the engine made no picture")


def _upscale(engine: ctypes.CDLL, path: str) -> Pixels:
    engine.new_upscaler_ctx.restype = c_void_p
    upscaler = c_void_p(engine.new_upscaler_ctx(path.encode(), c_bool(False), 2, 128, None, None))
    noise = np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8).tobytes()
    source = Picture(16, 16, 3, ctypes.cast(c_char_p(noise), c_void_p))
    pictures, count = POINTER(Picture)(), c_int()
    engine.upscale.restype = c_bool
    made = upscaler and engine.upscale(upscaler, source, c_uint32(4), byref(pictures), byref(count))
    return pictures[0].pixels() if made else sys.exit("the engine did not upscale")


if __name__ == "__main__":
    main()
