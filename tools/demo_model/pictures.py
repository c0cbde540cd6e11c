"""The training pictures: every subject in many places and sizes, on plain grounds, each with a prompt."""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from subjects import BACKGROUNDS, COLOURS, FORMS, SUBJECTS, ask
from tokens import Tokenizer
from torch import Tensor

VARIANTS = 24
SHARE_PLAIN = 0.4
SHARE_ON_COLOUR = 0.3
SHARE_CAPITALIZED = 0.1


def resized(picture: np.ndarray, size: int) -> np.ndarray:
    """Premultiplied RGBA, smaller."""
    planes = [
        Image.fromarray(picture[..., c]).resize((size, size), Image.Resampling.LANCZOS) for c in range(4)
    ]
    out = np.stack([np.asarray(p) for p in planes], -1)
    return np.minimum(out, out[..., 3:])


def placed(picture: np.ndarray, size: int, scale: float, shift: tuple[int, int]) -> np.ndarray:
    """The picture in a transparent one of `size`, by `shift` away from its middle."""
    small = resized(picture, round(size * scale))
    side = small.shape[0]
    y, x = (min(max((size - side) // 2 + s, 0), size - side) for s in shift)
    out = np.zeros((size, size, 4), np.uint8)
    out[y : y + side, x : x + side] = small
    return out


def variants(picture: np.ndarray, size: int, rng: random.Random) -> list[np.ndarray]:
    """The subject a little smaller and moved: what the seed decides."""
    return [
        placed(picture, size, rng.uniform(0.9, 1.0), (rng.randint(-2, 2), rng.randint(-2, 2)))
        for _ in range(VARIANTS)
    ]


@dataclass
class Batch:
    """Texts, and pictures in -1..1."""

    ids: Tensor
    mask: Tensor
    pictures: Tensor


class Pictures:
    """Draws prompts and pictures for them."""

    def __init__(self, data: Path, size: int, tokenizer: Tokenizer, seed: int) -> None:
        self.rng = random.Random(seed)
        originals = np.load(data / "pictures.npz")["p128"]
        pool = np.stack([v for picture in originals for v in variants(picture, size, self.rng)])
        self._pool = torch.from_numpy(pool).permute(0, 3, 1, 2).contiguous()
        self._words = list(SUBJECTS.values())
        self._tokenizer = tokenizer

    def batch(self, count: int) -> Batch:
        """Random subjects, each as likely as the others."""
        return self.named_batch(count)[0]

    def named_batch(self, count: int) -> tuple[Batch, list[int]]:
        """The same, and the numbers of the subjects."""
        subjects = [self.rng.randrange(len(self._words)) for _ in range(count)]
        prompts = [self._prompt(subject) for subject in subjects]
        rows = [subject * VARIANTS + self.rng.randrange(VARIANTS) for subject in subjects]
        art = self._pool[rows].float() / 255
        ground = torch.tensor([COLOURS[colour] for _, colour in prompts])[:, :, None, None] / 255
        pictures = (art[:, :3] + ground * (1 - art[:, 3:])) * 2 - 1
        return Batch(*self._tokenizer.batch([text for text, _ in prompts]), pictures), subjects

    def _prompt(self, subject: int) -> tuple[str, str]:
        """A prompt, and the colour of its ground."""
        word = self.rng.choice(self._words[subject])
        text = ask("{}" if self.rng.random() < SHARE_PLAIN else self.rng.choice(FORMS), word)
        colour = "white"
        if self.rng.random() < SHARE_ON_COLOUR:
            colour = self.rng.choice(list(COLOURS))
            text = self.rng.choice(BACKGROUNDS).format(text.rstrip("!."), colour)
        return (text.capitalize() if self.rng.random() < SHARE_CAPITALIZED else text), colour
