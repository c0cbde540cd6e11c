"""The users' keys for language models, in a file of their own that only the server's user can read."""

import json
import os
from pathlib import Path

from ..errors import storage_error


class KeyFile:
    """Keys by the name of the settings that they belong to; a file that can't be read holds none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, name: str) -> str:
        """The key, or an empty text."""
        key = self._read_all().get(name)
        return key if isinstance(key, str) else ""

    def write(self, name: str, key: str) -> None:
        """Keep a key; an empty one is forgotten. Raises StorageUnavailable."""
        keys = {**self._read_all(), name: key}
        text = json.dumps({name: key for name, key in keys.items() if key})
        beside = self._path.with_suffix(".new")
        try:
            beside.unlink(missing_ok=True)
            with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError as error:
            raise storage_error(self._path.parent, error) from error

    def _read_all(self) -> dict[str, str]:
        try:
            keys = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return keys if isinstance(keys, dict) else {}
