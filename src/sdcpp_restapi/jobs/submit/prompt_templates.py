"""Prompt templates: a text with choices and wildcards, from which a seed draws a prompt.

    {red|green|}             one of them, which may be nothing; they nest
    {3::common|rare}         the first one three times as often
    __animals__              a line of the wildcard file animals.txt; __animals/cats__ one of a sub-folder's
    \\{  \\}  \\|  \\_           the sign itself

A line of a wildcard file may hold all of this too, and begin with a weight. Everything is drawn, also inside
of what another draw leaves out: so a wildcard that is missing is told whatever the seed.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ...errors import BadRequest

FIELD = "prompt_template"
# Enough for any prompt; wildcards that use each other could go on for longer than anybody waits.
MOST_DRAWS = 1000

ReadWildcard = Callable[[str], Sequence[str]]

_SIGNS = re.compile(r"(\\[{}|_]|[{}|]|__[^\s{}|\\]+?__)")
_WEIGHT = re.compile(r"\s*(\d+(?:\.\d+)?)::")


def draw(template: str, seed: int, wildcard: ReadWildcard) -> str:
    """The prompt of this seed. `wildcard` gives the lines of a file, never none, or raises BadRequest.

    Raises BadRequest for braces that do not match and for wildcards that use themselves.
    """
    return _Drawing(random.Random(seed), wildcard).drawn(template, ())


@dataclass
class _Option:
    weight: float = 1.0
    pieces: list[str] = field(default_factory=list)
    begun: bool = False


class _Drawing:
    def __init__(self, dice: random.Random, wildcard: ReadWildcard) -> None:
        self._dice = dice
        self._wildcard = wildcard
        self._draws = 0

    def drawn(self, template: str, inside: tuple[str, ...]) -> str:
        """`inside`: the wildcards that led here."""
        opened = [[_Option()]]
        for piece in _SIGNS.split(template):
            if piece == "{":
                opened.append([_Option()])
            elif piece == "|" and len(opened) > 1:
                opened[-1].append(_Option())
            elif piece == "}":
                options = opened.pop()
                if not opened:
                    raise _wrong(template, inside, "has a '}' without a '{'; write '\\}' for the sign itself")
                opened[-1][-1].pieces.append(self._one_of(options))
            elif piece:
                self._add(opened[-1][-1], piece, inside, weighted=len(opened) > 1)
        if len(opened) > 1:
            raise _wrong(template, inside, "has a '{' without a '}'; write '\\{' for the sign itself")
        return "".join(opened[0][0].pieces)

    def _add(self, option: _Option, piece: str, inside: tuple[str, ...], weighted: bool) -> None:
        if weighted and not option.begun:
            option.weight, piece = _weight(piece)
        option.begun = True
        if _SIGNS.fullmatch(piece):
            piece = piece[1:] if piece.startswith("\\") else piece
            piece = self._line(piece[2:-2], inside) if piece.startswith("__") else piece
        option.pieces.append(piece)

    def _line(self, name: str, inside: tuple[str, ...]) -> str:
        if name in inside:
            raise BadRequest(f"{FIELD}: the wildcard __{name}__ uses itself: {' > '.join((*inside, name))}")
        lines = [_Option(weight, [text]) for weight, text in map(_weight, self._wildcard(name))]
        return self.drawn(self._one_of(lines), (*inside, name))

    def _one_of(self, options: Sequence[_Option]) -> str:
        self._draws += 1
        if self._draws > MOST_DRAWS:
            raise BadRequest(f"{FIELD}: it takes more than {MOST_DRAWS} draws")
        # Of all that `random` offers, only random() is promised to stay the same in later versions of Python.
        at = self._dice.random() * sum(option.weight for option in options)
        for option in options:
            at -= option.weight
            if at < 0:
                break
        return "".join(option.pieces)


def _weight(text: str) -> tuple[float, str]:
    found = _WEIGHT.match(text)
    return (float(found[1]), text[found.end() :]) if found else (1.0, text)


def _wrong(template: str, inside: tuple[str, ...], what: str) -> BadRequest:
    where = f"a line of the wildcard __{inside[-1]}__" if inside else "the text"
    return BadRequest(f"{FIELD}: {template[:60]!r} is not allowed: {where} {what}")
