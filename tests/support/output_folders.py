"""Output folders to look at."""

import json
import os
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.support.images import picture

SCRIPT_PROMPT = 'a cat</script><script>window.ran = 1</script> & "quotes"'
ATTACK = "<img src=x onerror=window.ran=1>.png"


def write_png(path: Path, prompt: str = "", seed: int = 42, size: tuple[int, int] = (64, 64)) -> Path:
    """A picture that carries what our own pictures carry."""
    info = PngInfo()
    if prompt:
        text = f"{prompt}\nNegative prompt: dull\nSteps: 2, Seed: {seed}, Model: tiny"
        info.add_itxt("parameters", text)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(*size).save(path, pnginfo=info)
    return path


def write_config(folder: Path, prompt: str, seeds: list[int]) -> None:
    """What a finished job leaves beside its pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"params": {"prompt": prompt}, "seeds": seeds}))


def write_jobs(root: Path, count: int) -> None:
    """Folders of finished jobs, job_00000 and so on; the last one is the newest."""
    data = write_png(root / "first.png").read_bytes()
    (root / "first.png").unlink()
    for number in range(count):
        folder = root / f"job_{number:05}"
        write_config(folder, f"prompt number {number}", [number])
        (folder / "image_0.png").write_bytes(data)
        os.utime(folder, (1_700_000_000 + number,) * 2)


def write_dated(path: Path, size: int, seconds: int) -> None:
    """A file of so many bytes, changed so many seconds after a certain day."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (1_700_000_000 + seconds,) * 2)


def blank(path: Path, mode: str, size: tuple[int, int]) -> Path:
    """A picture of one colour, whose format its name tells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size).save(path)
    return path
