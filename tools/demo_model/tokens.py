"""The engine's T5 tokenizer."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import Tokenizer as Unigram
from torch import Tensor

UNKNOWN = 2  # the T5's <unk>


class Tokenizer:
    """The same tokens as the engine: repeated spaces squeezed, no end of sequence."""

    def __init__(self, path: Path, kept: list[int]) -> None:
        """`kept`: the few tokens that the model knows; a token's row in its table is its place among them."""
        self._unigram = unigram(path)
        self.rows = {token: row for row, token in enumerate(kept)}

    def __call__(self, text: str) -> list[int]:
        """The rows of a text's tokens; what is not known is the first, UNKNOWN."""
        return [self.rows.get(token, 0) for token in tokens_of(self._unigram, text)]

    def batch(self, texts: list[str], length: int | None = None) -> tuple[Tensor, Tensor]:
        """Rows and the mask of real tokens."""
        encoded = [self(text) for text in texts]
        length = length or max(map(len, encoded))
        ids, mask = torch.zeros(len(texts), length, dtype=torch.long), torch.zeros(len(texts), length)
        for i, rows in enumerate(encoded):
            ids[i, : len(rows)] = torch.tensor(rows[:length])
            mask[i, : len(rows)] = 1
        return ids, mask


def unigram(path: Path) -> Unigram:
    rules = json.loads(path.read_text())
    rules.update(normalizer=None, post_processor=None, added_tokens=[])
    return Unigram.from_str(json.dumps(rules))


def tokens_of(model: Unigram, text: str) -> list[int]:
    return model.encode(re.sub(" {2,}", " ", text), add_special_tokens=False).ids


def used_in(path: Path, texts: Iterable[str]) -> list[int]:
    """UNKNOWN and every token of these texts."""
    model = unigram(path)
    return [UNKNOWN, *sorted({token for text in texts for token in tokens_of(model, text)} - {UNKNOWN})]
