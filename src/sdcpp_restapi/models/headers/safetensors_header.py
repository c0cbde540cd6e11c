"""Headers of safetensors files, through the format's own library, which validates them."""

from pathlib import Path

from .header import BadHeader, Header, Tensor, fold

# Eight bytes of length, then the JSON begins.
_START = 9


def looks_like_safetensors(start: bytes) -> bool:
    """Whether a file that begins so (at least 9 bytes) is meant to be one: a length, then JSON."""
    return len(start) >= _START and start[_START - 1 : _START] == b"{"


def read_safetensors(path: Path) -> Header:
    """The header of a file that is complete. Raises BadHeader, OSError."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            tensors = {
                name: Tensor(fold(one.get_shape()), one.get_dtype().lower()) for name, one in slices.items()
            }
            return Header("safetensors", tensors, file.metadata() or {})
    except SafetensorError as error:
        raise BadHeader(str(error)) from error
