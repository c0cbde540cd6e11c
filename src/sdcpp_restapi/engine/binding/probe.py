"""How large a library's structs are, found out without knowing their layout."""

import ctypes

# More than any of the structs has.
ROOM = 4096
# No byte that is left alone looks written in both buffers, whatever was written.
POISONS = (0xAA, 0x55)


def measure_struct(c: ctypes.CDLL, name: str) -> int:
    """Bytes up to the last one that `<name>_init` writes.

    It is called with two buffers, filled with bytes that are unlike each other: what it wrote differs from
    the filling in one of them at least. In all known revisions it writes every byte of the struct.
    """
    written = 0
    for poison in POISONS:
        buffer = (ctypes.c_ubyte * ROOM)(*[poison] * ROOM)
        c[f"{name}_init"](buffer)  # a function object of its own, which takes any pointer
        changed = (index for index in range(ROOM - 1, -1, -1) if buffer[index] != poison)
        written = max(written, next(changed, -1) + 1)
    return written
