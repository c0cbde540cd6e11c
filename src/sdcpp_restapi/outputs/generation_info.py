"""Prompt and seed of a result: from the picture itself, or from the config.json of its job."""

import json
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags
from PIL.Image import DecompressionBombError
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

LONGEST_PROMPT = 1000
MOST_CONFIG_BYTES = 2**20
_SEED = re.compile(r"(?:^|, )Seed: (\d+)")
_IMAGE_NUMBER = re.compile(r"_(\d+)$")


@dataclass(frozen=True, slots=True)
class GenerationInfo:
    """Prompt and seed of a picture, as far as they are known."""

    prompt: str = ""
    seed: int | None = None


UNKNOWN = GenerationInfo()


def read_picture(path: Path) -> GenerationInfo:
    """Prompt and seed from the metadata of a PNG, JPEG or WebP file; pixels are not decoded."""
    try:
        if path.suffix.lower() == ".png":
            return _parse(_read_png_text(path))
        if path.suffix.lower() in (".jpg", ".jpeg"):
            return _parse(_read_exif_text(JpegImageFile, path))
        if path.suffix.lower() == ".webp":
            return _parse(_read_exif_text(WebPImageFile, path))
    except (OSError, SyntaxError, ValueError, TypeError, LookupError, struct.error, DecompressionBombError):
        pass  # not a picture, whatever its name says
    return UNKNOWN


def read_job(folder: Path) -> list[GenerationInfo]:
    """Prompt and seed of each picture of a job's folder, by number; empty for folders that are no job's."""
    try:
        with open(folder / "config.json", "rb") as file:
            config = json.loads(file.read(MOST_CONFIG_BYTES))
        prompt = str(config["params"].get("prompt", ""))[:LONGEST_PROMPT]
        seeds = [seed if isinstance(seed, int) else None for seed in config.get("seeds") or [None]]
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return []
    return [GenerationInfo(prompt, seed) for seed in seeds]


def select_file(infos: list[GenerationInfo], name: str) -> GenerationInfo:
    """The entry of one file of a job, by the number in its name; a video has that of number 0."""
    number = _IMAGE_NUMBER.search(Path(name).stem)
    index = int(number[1]) if number else 0
    return infos[index] if index < len(infos) else UNKNOWN


def _read_png_text(path: Path) -> str:
    # Opened by its class: Image.open would judge the size, which does not matter here.
    with PngImageFile(path) as image:
        return str(image.info.get("parameters", ""))


def _read_exif_text(kind: type[JpegImageFile | WebPImageFile], path: Path) -> str:
    with kind(path) as image:
        comment = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment, b"")
    code, text = comment[:8], comment[8:]
    return str(text.decode("utf-16-be" if code == b"UNICODE\0" else "utf-8", "replace"))


def _parse(text: str) -> GenerationInfo:
    """Read the text that the A1111 web UI introduced: prompt, negative prompt, one line of settings."""
    text = text.encode("utf-8", "replace").decode()
    lines = text.splitlines()
    ends = [i for i, line in enumerate(lines) if line.startswith(("Negative prompt: ", "Steps: "))]
    prompt = "\n".join(lines[: ends[0]] if ends else lines).strip()
    seed = _SEED.search(lines[-1]) if lines else None
    return GenerationInfo(prompt[:LONGEST_PROMPT], int(seed[1][:20]) if seed else None)
