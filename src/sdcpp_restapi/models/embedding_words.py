"""Where the engine finds the names of embeddings in a prompt.

Capital letters of ASCII make no difference, and a name is found inside longer words too (measured with
stable-diffusion.cpp 487de75). Of names that begin at the same place the one that sorts first is taken, not
the longest (`split_with_special_tokens` of the tokenizer, in a later source of the engine).
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

# Brackets set weights and part the text; one with a backslash before it is text.
_BRACKET = re.compile(r"\\([()\[\]\\])|[()\[\]]")
# As ComfyUI names embeddings; here the name alone does.
_PREFIXED = re.compile(r"\bembedding:([^\s,:()\[\]<>]{1,200})", re.IGNORECASE)
# What ends a word for whoever reads the prompt.
_ENDS = frozenset(" ,;.:!?\"'()[]\0")


class FoundWord(NamedTuple):
    """An embedding that the engine reads, and the longer word that it stands in, if it does."""

    name: str
    inside: str | None


def has_word(prompt: str, name: str) -> bool:
    """Whether a prompt, as it is written, has this name as a word or words of its own."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", prompt, re.IGNORECASE) is not None


def may_find(prompt: str, name: str) -> bool:
    """Whether the engine finds this name, if no other is in its way."""
    return _to_small(name) in _read(prompt)


def find_words(prompt: str, names: Iterable[str]) -> Iterator[FoundWord]:
    """Which of the embeddings that the engine has it reads, in the order of the prompt."""
    text = _read(prompt)
    # Names that differ in capitals only are one to the engine: the place of the first, the file of the last.
    ordered = {_to_small(name): name for name in sorted(names, key=_encode)}
    pattern = "|".join(re.escape(name) for name in ordered)
    for found in re.finditer(pattern, text) if pattern else ():
        begin, end = found.span()
        parts = text[max(0, begin - 1) : begin] + text[end : end + 1]
        inside = _find_whole(text, begin, end) if re.search(r"\w", parts) else None
        yield FoundWord(ordered[found[0]], inside)


def _find_whole(text: str, begin: int, end: int) -> str:
    while begin and text[begin - 1] not in _ENDS:
        begin -= 1
    while end < len(text) and text[end] not in _ENDS:
        end += 1
    return text[begin:end]


def _read(prompt: str) -> str:
    """The prompt as the tokenizer gets it: in small letters, a NUL where a bracket parts it."""
    return _to_small(" ".join(_BRACKET.sub(lambda found: found[1] or "\0", prompt).split()))


def _to_small(text: str) -> str:
    return _encode(text).lower().decode("utf-8", "surrogatepass")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def warn_of_prefixes(prompt: str, known: Iterable[str]) -> list[str]:
    """What becomes of `embedding:name`, where the engine reads the name only."""
    words = {word.lower() for word in known}
    warnings = []
    for found in _PREFIXED.finditer(prompt):
        path = PurePosixPath(found[1].rstrip("."))
        if {path.name.lower(), path.stem.lower()} & words:
            warnings.append(f"{found[0]} acts by the embedding's name alone, the rest stays text")
        else:
            warnings.append(f"{found[0]} has no effect: there is no embedding of that name")
    return list(dict.fromkeys(warnings))
