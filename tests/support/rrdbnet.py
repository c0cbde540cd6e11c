"""RRDBNet, the network of ESRGAN, in numpy: what the engine must compute.

As in arXiv 1809.00219, figure 4, with the names of https://github.com/xinntao/Real-ESRGAN. Pictures are of
shape (channels, height, width), 0 to 1.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Tensors = Mapping[str, npt.NDArray[np.float16]]

BETA = np.float32(0.2)  # the part of a block's result that is added to what went in


def upscale(tensors: Tensors, picture: Floats) -> Floats:
    """The picture, four times larger."""
    first = _convolve(tensors, "conv_first", picture)
    x, block = first, 0
    while f"body.{block}.rdb1.conv1.weight" in tensors:
        inner = x
        for dense in range(1, 4):
            inner = inner + BETA * _dense(tensors, f"body.{block}.rdb{dense}", inner)
        x = x + BETA * inner
        block += 1
    x = first + _convolve(tensors, "conv_body", x)
    for name in ("conv_up1", "conv_up2"):
        x = _leaky(_convolve(tensors, name, x.repeat(2, axis=1).repeat(2, axis=2)))
    return _convolve(tensors, "conv_last", _leaky(_convolve(tensors, "conv_hr", x)))


def _dense(tensors: Tensors, name: str, x: Floats) -> Floats:
    for number in range(1, 5):
        x = np.concatenate([x, _leaky(_convolve(tensors, f"{name}.conv{number}", x))])
    return _convolve(tensors, f"{name}.conv5", x)


def _convolve(tensors: Tensors, name: str, x: Floats) -> Floats:
    """3x3, with zeros around."""
    weight = tensors[f"{name}.weight"].astype(np.float32)
    height, width = x.shape[1:]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    shifts = [(row, column) for row in range(3) for column in range(3)]
    parts = [padded[:, row : row + height, column : column + width] for row, column in shifts]
    columns = np.stack(parts, axis=1).reshape(-1, height * width)
    made = weight.reshape(len(weight), -1) @ columns + tensors[f"{name}.bias"].astype(np.float32)[:, None]
    return made.reshape(-1, height, width)


def _leaky(x: Floats) -> Floats:
    return np.where(x > 0, x, BETA * x)
