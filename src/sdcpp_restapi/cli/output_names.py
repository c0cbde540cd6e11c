"""What the files of `sdcpp generate` are called."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

LONGEST_SLUG = 40


@dataclass(frozen=True)
class Destination:
    """Where pictures go: one .png file, a folder, or standard output."""

    file: Path | None
    folder: Path
    slug: str
    is_stdout: bool = False

    @classmethod
    def of(cls, output: str | None, request: dict[str, Any]) -> Self:
        """From the flag --output. Raises ValueError with a sentence, before anything was drawn."""
        slug = re.sub(r"[^\w]+", "-", request["prompt"].lower()).strip("-_")[:LONGEST_SLUG].rstrip("-")
        slug = slug or "picture"
        if output == "-":
            _check_stdout(request)
            return cls(None, Path(), slug, is_stdout=True)
        if output is None or output.endswith("/") or Path(output).is_dir():
            return cls(None, Path(output or ""), slug)
        if Path(output).suffix.lower() != ".png":
            raise ValueError(
                f"-o {output}: the pictures are PNG files; name one that ends in .png, or a folder/"
            )
        return cls(Path(output), Path(), slug)

    def path(self, number: int, count: int, seed: int) -> Path:
        """The file of picture `number` (0-indexed). A file that was named is overwritten, no other one is."""
        if self.file is not None:
            mark = f"-{number + 1}" if count > 1 else ""
            return self.file.with_stem(self.file.stem + mark)
        path = self.folder / f"{self.slug}-{seed}.png"
        again = 2
        while path.exists():
            path = self.folder / f"{self.slug}-{seed}-{again}.png"
            again += 1
        return path


def _check_stdout(request: dict[str, Any]) -> None:
    if request.get("batch_count", 1) > 1:
        raise ValueError("-o - takes one picture; leave --batch-count out, or name a file")
    if sys.stdout.isatty():
        raise ValueError("-o - would write a PNG to the terminal; redirect it, or name a file")
