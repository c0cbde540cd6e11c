"""A YOLOv8 detector whose weights are all 0: the biases of its last layers say what it finds.

Names are those that stable-diffusion.cpp reads its sizes from, and its scripts write.
"""

import math
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

WIDTH, REG_MAX = 4, 4
# Layer -> channels that come in, kernel. Those of C2f blocks have parts of their own.
CONVS = {
    0: (3, 3),
    1: (WIDTH, 3),
    3: (WIDTH, 3),
    5: (WIDTH, 3),
    7: (WIDTH, 3),
    16: (WIDTH, 3),
    19: (WIDTH, 3),
}
BLOCKS = {2: WIDTH, 4: WIDTH, 6: WIDTH, 8: WIDTH, 12: 2 * WIDTH, 15: 2 * WIDTH, 18: 2 * WIDTH, 21: 2 * WIDTH}
FARTHEST = REG_MAX - 1


def write_detector(path: Path, confidence: float = 0.7) -> Path:
    """A detector that finds one kind of thing with this confidence: around each anchor of each scale a square
    of nearly 2 * FARTHEST strides a side."""
    tensors: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = {}

    def put(name: str, outputs: int, inputs: int, kernel: int, bias: float = 0.0) -> None:
        tensors[f"{name}.weight"] = np.zeros((outputs, inputs, kernel, kernel), np.float32)
        tensors[f"{name}.bias"] = np.full(outputs, bias, np.float32)

    for layer, (inputs, kernel) in CONVS.items():
        put(f"model.{layer}.conv", WIDTH, inputs, kernel)
    for layer, inputs in BLOCKS.items():
        hidden = WIDTH // 2
        put(f"model.{layer}.cv1.conv", 2 * hidden, inputs, 1)
        put(f"model.{layer}.cv2.conv", WIDTH, 3 * hidden, 1)
        for part in ("cv1", "cv2"):
            put(f"model.{layer}.m.0.{part}.conv", hidden, hidden, 3)
    put("model.9.cv1.conv", WIDTH // 2, WIDTH, 1)
    put("model.9.cv2.conv", WIDTH, 2 * WIDTH, 1)
    for scale in range(3):
        for branch, outputs in (("cv2", 4 * REG_MAX), ("cv3", 1)):
            put(f"model.22.{branch}.{scale}.0.conv", WIDTH, WIDTH, 3)
            put(f"model.22.{branch}.{scale}.1.conv", WIDTH, WIDTH, 3)
            put(f"model.22.{branch}.{scale}.2", outputs, WIDTH, 1)
        # A distance is the mean of 0 ... REG_MAX - 1, by the softmax of its channels.
        tensors[f"model.22.cv2.{scale}.2.bias"] = np.tile([0.0] * FARTHEST + [20.0], 4).astype(np.float32)
        odds = math.log(confidence / (1 - confidence))
        tensors[f"model.22.cv3.{scale}.2.bias"] = np.array([odds], np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
    return path
