"""Drive the engine in a process of its own, because it may abort: `drive(request)` starts one and answers.

A request is {"files": {"diffusion": path, "t5xxl": path, ...}, "jobs": [{"prompt": ..., "lora": path}]} or
{"esrgan": path}; every picture becomes {"sha256", "shape", "deviation", "seconds"}, and with "save" a PNG.
The server's own code on top of the C functions is left out on purpose.

LoRAs are applied at runtime. Merged into the weights ("immediately", and "auto" with F16 weights) they change
the picture too, but after a change of the LoRAs the VAE or TAESD decodes from freed memory: garbage or a
crash (measured on stable-diffusion.cpp 487de75; its issue 1849).
"""

import ctypes
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from ctypes import POINTER, byref, c_int
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sdcpp_restapi.engine.binding import names, structs
from sdcpp_restapi.engine.binding.library import Library
from sdcpp_restapi.engine.binding.self_check import open_library
from tests.support.tiny_models.models import TinyModel

type Pixels = NDArray[np.uint8]

ROOT = Path(__file__).parents[3]
QUIET = {"GGML_NO_BACKTRACE": "1", "OMP_WAIT_POLICY": "passive"}
FIELDS = {"checkpoint": "model_path", "diffusion": "diffusion_model_path"}
"""Fields of sd_ctx_params_t; those of the other components are called like them."""


def drive(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Answer a request in a fresh process; a RuntimeError carries the engine's last words."""
    answer = subprocess.run(
        [sys.executable, "-m", "tests.support.tiny_models.drive"],
        input=json.dumps(request, default=str),
        capture_output=True,
        text=True,
        errors="replace",
        cwd=ROOT,
        env=os.environ | QUIET | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    if answer.returncode:
        raise RuntimeError(f"the engine ended with {answer.returncode}: {answer.stderr[-3000:]}")
    return [json.loads(line) for line in answer.stdout.splitlines() if line.startswith("{")]


def generate(
    model: TinyModel, *jobs: Mapping[str, Any], embedding: Path | None = None
) -> list[dict[str, Any]]:
    """Pictures of a tiny model, one per job, all from one context."""
    files = {model.model_type if part == "model" else part: path for part, path in model.files.items()}
    return drive({"files": files, "jobs": jobs, "embedding": embedding})


def main() -> None:
    """The child: answer the request on standard input."""
    library = open_library()
    engine = library.c
    progress = structs.progress_cb_t(lambda *_: None)
    engine.sd_set_progress_callback(progress, None)
    log = structs.log_cb_t(lambda _, text, __: os.write(2, text) and None)
    engine.sd_set_log_callback(log, None)
    request = json.load(sys.stdin)
    if "esrgan" in request:
        _report(_upscale(engine, request["esrgan"]), time.monotonic())
        return
    context = _load(library, request["files"], request["embedding"])
    for job in request["jobs"]:
        started, save = time.monotonic(), job.pop("save", None)
        pixels = _generate(library, context, **job)
        _report(pixels, started)
        if save:
            Image.fromarray(pixels).save(save)


def _report(pixels: Pixels, started: float) -> None:
    seconds = round(time.monotonic() - started, 3)
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    found = {"sha256": digest, "shape": pixels.shape, "deviation": float(pixels.std()), "seconds": seconds}
    print(json.dumps(found), flush=True)


def _load(library: Library, files: Mapping[str, str], embedding: str | None) -> int:
    engine, parameters = library.c, library.revision.structs["sd_ctx_params"]()
    engine.sd_ctx_params_init(byref(parameters))
    parameters.auto_fit = False
    parameters.n_threads, parameters.eager_load = 2, True
    parameters.lora_apply_mode = names.LORA_APPLY_MODES.index("at_runtime")
    if embedding:
        entry = structs.sd_embedding_t(Path(embedding).stem.encode(), embedding.encode())
        parameters.embeddings, parameters.embedding_count = ctypes.pointer(entry), 1
    for component, path in files.items():
        setattr(parameters, FIELDS.get(component, f"{component}_path"), path.encode())
    started = time.monotonic()
    context: int | None = engine.new_sd_ctx(byref(parameters))
    os.write(2, f"loaded in {time.monotonic() - started:.2f} s\n".encode())
    return context or sys.exit("the engine refused the model")


def _generate(library: Library, context: int, prompt: str = "a cat", seed: int = 1, steps: int = 2,
              size: int = 64, cfg: float = 1.0, lora: str | None = None) -> Pixels:  # fmt: skip
    engine, parameters = library.c, library.revision.structs["sd_img_gen_params"]()
    engine.sd_img_gen_params_init(byref(parameters))
    parameters.prompt, parameters.seed = prompt.encode(), seed
    parameters.width = parameters.height = size
    parameters.sample_params.sample_steps = steps
    parameters.sample_params.guidance.txt_cfg = cfg
    if lora:
        entry = structs.sd_lora_t(False, 1.0, lora.encode())
        parameters.loras, parameters.lora_count = ctypes.pointer(entry), 1
    pictures, count = POINTER(structs.sd_image_t)(), c_int()
    made = engine.generate_image(context, byref(parameters), byref(pictures), byref(count))
    return _pixels(pictures[0]) if made else sys.exit("the engine made no picture")


def _upscale(engine: ctypes.CDLL, path: str) -> Pixels:
    upscaler = engine.new_upscaler_ctx(path.encode(), False, 2, 128, None, None)
    noise = (ctypes.c_uint8 * (16 * 16 * 3)).from_buffer_copy(np.random.default_rng(1).bytes(16 * 16 * 3))
    source = structs.sd_image_t(16, 16, 3, noise)
    pictures, count = POINTER(structs.sd_image_t)(), c_int()
    made = upscaler and engine.upscale(upscaler, source, 4, byref(pictures), byref(count))
    return _pixels(pictures[0]) if made else sys.exit("the engine did not upscale")


def _pixels(picture: structs.sd_image_t) -> Pixels:
    raw = ctypes.string_at(picture.data, picture.width * picture.height * picture.channel)
    return np.frombuffer(raw, np.uint8).reshape(picture.height, picture.width, picture.channel)


if __name__ == "__main__":
    main()
