"""What a source tells of a model, written beside the file in the shapes that other programs read.

`<stem>.civitai.info` is CivitAI's own answer, as Civitai Helper and its like keep it. `<stem>.json` is the
user metadata of AUTOMATIC1111's web UI. `<stem>.preview.<ext>` is the picture that all of them show.
"""

import asyncio
import json
import logging
import os
from contextlib import suppress
from pathlib import Path

from ..errors import SdcppError
from .http_client import HttpClient
from .pictures import fetch_picture
from .sources.source import PublishedNotes

log = logging.getLogger(__name__)

# Beginnings of CivitAI's names of base models -> those of the web UI's list (its user metadata of LoRAs).
_SD_VERSIONS = (
    ("SD 1", "SD1"),
    ("SD 2", "SD2"),
    ("SDXL", "SDXL"),
    ("Pony", "SDXL"),
    ("Illustrious", "SDXL"),
    ("NoobAI", "SDXL"),
)


class SidecarFiles:
    """Writes sidecars of files that were downloaded; what is there already stays as it is."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    async def write(self, path: Path, notes: PublishedNotes, made: list[Path]) -> None:
        """Write what is known beside a model; the files are added to `made`. A failure is told in the log
        only."""
        contents = {
            ".civitai.info": notes.document,
            ".json": {
                "description": "",
                "sd version": _find_sd_version(notes.base_model),
                "activation text": ", ".join(notes.trigger_words),
                "notes": f"base model: {notes.base_model}" if notes.base_model else "",
            },
        }
        for ending, content in contents.items():
            text = json.dumps(content, indent=2, ensure_ascii=False).encode("utf-8", "replace")
            made += await asyncio.to_thread(_create, path.with_name(path.stem + ending), text)
        if notes.picture:
            made += await self._write_picture(path, notes.picture)

    async def _write_picture(self, path: Path, url: str) -> list[Path]:
        try:
            picture = await fetch_picture(self._client, url)
        except SdcppError as error:
            log.info("no picture for %s: %s", path.name, error)
            return []
        target = path.with_name(f"{path.stem}.preview{picture.extension}")
        return await asyncio.to_thread(_create, target, picture.content)


def _find_sd_version(base_model: str | None) -> str:
    known = (ours for start, ours in _SD_VERSIONS if (base_model or "").startswith(start))
    return next(known, "Unknown")


def _create(path: Path, content: bytes) -> list[Path]:
    """Write a file that does not exist yet, whole or not at all; nothing where that fails."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_bytes(content)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return []
        except OSError:  # a file system without hard links
            if os.path.lexists(path):
                return []
            os.rename(temporary, path)
    except OSError as error:
        log.info("%s could not be written: %s", path.name, error)
        return []
    finally:
        with suppress(OSError):
            temporary.unlink()
    return [path]
