"""Prompt and seed of a result: from the picture itself, or from the config.json of its job."""

import json
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

LONGEST_PROMPT = 1000
MOST_CONFIG_BYTES = 2**20
_SEED = re.compile(r"(?:^|, )Seed: (\d+)")
_IMAGE_NUMBER = re.compile(r"_(\d+)$")
# Tags of EXIF: the folder with details of the exposure, and the comment in it.
_EXIF_FOLDER, _USER_COMMENT = 0x8769, 0x9286


@dataclass(frozen=True, slots=True)
class Made:
    """How a picture was made, as far as it is known."""

    prompt: str = ""
    seed: int | None = None


UNKNOWN = Made()


def of_picture(path: Path) -> Made:
    """What the picture carries; nothing of its pixels is read."""
    try:
        if path.suffix.lower() == ".png":
            return _parsed(_png_text(path))
        if path.suffix.lower() in (".jpg", ".jpeg"):
            return _parsed(_exif_text(JpegImageFile, path))
        if path.suffix.lower() == ".webp":
            return _parsed(_exif_text(WebPImageFile, path))
    except (OSError, SyntaxError, ValueError, TypeError, LookupError, struct.error):
        pass  # not a picture, whatever its name says
    return UNKNOWN


def of_job(folder: Path) -> list[Made]:
    """How each picture of a job's folder was made, by number; empty for folders that are no job's."""
    try:
        with open(folder / "config.json", "rb") as file:
            config = json.loads(file.read(MOST_CONFIG_BYTES))
        prompt = str(config["params"].get("prompt", ""))[:LONGEST_PROMPT]
        seeds = [seed if isinstance(seed, int) else None for seed in config.get("seeds") or [None]]
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return []
    return [Made(prompt, seed) for seed in seeds]


def in_job(made: list[Made], name: str) -> Made:
    """That of one file, by the number in its name; a video takes the first one's."""
    number = _IMAGE_NUMBER.search(Path(name).stem)
    index = int(number[1]) if number else 0
    return made[index] if index < len(made) else UNKNOWN


def _png_text(path: Path) -> str:
    # Opened by its class: Image.open would judge the size, which does not matter here.
    with PngImageFile(path) as image:
        return str(image.info.get("parameters", ""))


def _exif_text(kind: type[JpegImageFile | WebPImageFile], path: Path) -> str:
    with kind(path) as image:
        comment = image.getexif().get_ifd(_EXIF_FOLDER).get(_USER_COMMENT, b"")
    code, text = comment[:8], comment[8:]
    return str(text.decode("utf-16-be" if code == b"UNICODE\0" else "utf-8", "replace"))


def _parsed(text: str) -> Made:
    """Read the text that the A1111 web UI introduced: prompt, negative prompt, one line of settings."""
    text = text.encode("utf-8", "replace").decode()
    lines = text.splitlines()
    ends = [i for i, line in enumerate(lines) if line.startswith(("Negative prompt: ", "Steps: "))]
    prompt = "\n".join(lines[: ends[0]] if ends else lines).strip()
    seed = _SEED.search(lines[-1]) if lines else None
    return Made(prompt[:LONGEST_PROMPT], int(seed[1][:20]) if seed else None)
