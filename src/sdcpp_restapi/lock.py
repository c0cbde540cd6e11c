"""One server per data directory."""

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Self, TextIO

from .errors import DataDirectoryBusy
from .os_support import lock_exclusively

_PORT = re.compile(r"port (\d+)")


def find_port(data_dir: Path) -> int | None:
    """The port of the server that has a data directory, as far as it says."""
    with suppress(OSError):
        found = _PORT.search((data_dir / "lock").read_text("utf-8"))
        return int(found[1]) if found else None
    return None


class DataDirectoryLock:
    """An exclusive lock on a data directory; the system takes it back however the process ends."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    @classmethod
    def take(cls, data_dir: Path, port: int) -> Self:
        """Make the directory and lock it. Raises DataDirectoryBusy, naming who has it."""
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        # What people asked for, and keys of theirs, are nobody else's business.
        with suppress(OSError):
            data_dir.chmod(0o700)
        file = open(data_dir / "lock", "a+", encoding="utf-8")  # noqa: SIM115 - it stays open
        try:
            lock_exclusively(file)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            file.close()
            raise DataDirectoryBusy(
                f"The data directory {data_dir} is in use by another server ({owner});"
                " stop that one or name another directory with --data-dir"
            ) from None
        file.truncate(0)
        file.write(f"pid {os.getpid()}, port {port}\n")
        file.flush()
        return cls(file)

    def release(self) -> None:
        """Let another server have the directory."""
        self._file.close()
