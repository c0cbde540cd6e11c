"""Prompt templates: a text with choices and wildcards, from which a seed draws a prompt.

    {red|green|}             one of them, which may be nothing; they nest
    {3::common|rare}         the first one three times as often
    {2$$a|b|c}               two of them, with ", " between; {1-2$$a|b} one or two
    {2$$ and $$a|b|c}        two of them, with " and " between
    {2$$__animals__}         two lines of a wildcard file
    __animals__              a line of the wildcard file animals.txt; __animals/cats__ one of a sub-folder's
    \\{  \\}  \\|  \\_           the sign itself

A line of a wildcard file may hold all of this too, and begin with a weight. What stands in <lora:...> is no
wildcard: names of LoRAs have such underscores. Everything is drawn, also inside
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

_TAG = r"<lora:(?:\|high_noise\|)?(?=[^<>\n]*>)"
_OPENING = r"\{(?:\s*(?:\d{1,4}|\d{0,4}-\d{0,4})\$\$(?:[^{}$]*\$\$)?)?"
_SIGNS = re.compile(rf"(\\[{{}}|_]|{_OPENING}|[}}|>]|{_TAG}|__[^\s{{}}|\\<>]+?__)")
_COUNT = re.compile(r"\{\s*(\d*)(-?)(\d*)\$\$(?:(.*)\$\$)?", re.DOTALL)
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
    wildcard: str | None = None
    """Its name, if that is all of the option so far."""


@dataclass
class _Choice:
    options: list[_Option] = field(default_factory=lambda: [_Option()])
    counts: tuple[int, int | None] | None = None
    """How many are drawn, at least and at most; None for the second stands for all."""
    separator: str = ", "


class _Drawing:
    def __init__(self, dice: random.Random, wildcard: ReadWildcard) -> None:
        self._dice = dice
        self._wildcard = wildcard
        self._draws = 0

    def drawn(self, template: str, inside: tuple[str, ...]) -> str:
        """`inside`: the wildcards that led here."""
        opened = [_Choice()]
        in_tag = False
        for at, piece in enumerate(_SIGNS.split(template)):
            if piece.startswith("{"):
                opened.append(_parse_opening(template, inside, piece))
            elif piece == "|" and len(opened) > 1:
                opened[-1].options.append(_Option())
            elif piece == "}":
                choice = opened.pop()
                if not opened:
                    raise _wrong(template, inside, "has a '}' without a '{'; write '\\}' for the sign itself")
                self._put(opened[-1].options[-1], self._drawn_from(choice, template, inside))
            elif piece:
                # Every second piece is a sign.
                in_tag = piece != ">" and (in_tag or (at % 2 == 1 and piece.startswith("<lora:")))
                self._add(opened[-1].options[-1], piece, inside, weighted=len(opened) > 1, literally=in_tag)
        if len(opened) > 1:
            raise _wrong(template, inside, "has a '{' without a '}'; write '\\{' for the sign itself")
        return "".join(opened[0].options[0].pieces)

    def _add(
        self, option: _Option, piece: str, inside: tuple[str, ...], weighted: bool, literally: bool
    ) -> None:
        if weighted and not option.begun:
            option.weight, piece = _weight(piece)
        alone = not any(option.pieces)
        name = None
        if _SIGNS.fullmatch(piece):
            piece = piece[1:] if piece.startswith("\\") else piece
            name = piece[2:-2] if piece.startswith("__") and not literally else None
        self._put(option, piece if name is None else self._line(name, inside))
        option.wildcard = name if alone else None

    def _put(self, option: _Option, text: str) -> None:
        option.begun = True
        option.wildcard = None
        option.pieces.append(text)

    def _drawn_from(self, choice: _Choice, template: str, inside: tuple[str, ...]) -> str:
        if choice.counts is None:
            return "".join(self._pick(choice.options).pieces)
        (least, most), options = choice.counts, choice.options
        name = options[0].wildcard if len(options) == 1 else None
        if name is not None:
            options = self._options(name)
            inside_line = (*inside, name)
        if least > len(options):
            raise _wrong(template, inside, f"draws {least} of {len(options)} choices")
        most = min(len(options) if most is None else most, len(options))
        left, texts = list(options), []
        for _ in range(least + int(self._dice.random() * (most - least + 1))):
            picked = self._pick(left)
            left = [option for option in left if option is not picked]
            text = "".join(picked.pieces)
            texts.append(text if name is None else self.drawn(text, inside_line))
        return choice.separator.join(text for text in texts if text.strip())

    def _line(self, name: str, inside: tuple[str, ...]) -> str:
        if name in inside:
            raise BadRequest(f"{FIELD}: the wildcard __{name}__ uses itself: {' > '.join((*inside, name))}")
        line = "".join(self._pick(self._options(name)).pieces)
        return self.drawn(line, (*inside, name))

    def _options(self, wildcard: str) -> list[_Option]:
        return [_Option(weight, [text]) for weight, text in map(_weight, self._wildcard(wildcard))]

    def _pick(self, options: Sequence[_Option]) -> _Option:
        self._draws += 1
        if self._draws > MOST_DRAWS:
            raise BadRequest(f"{FIELD}: it takes more than {MOST_DRAWS} draws")
        # Of all that `random` offers, only random() is promised to stay the same in later versions of Python.
        at = self._dice.random() * sum(option.weight for option in options)
        for option in options:
            at -= option.weight
            if at < 0:
                break
        return option


def _parse_opening(template: str, inside: tuple[str, ...], sign: str) -> _Choice:
    """The choice that a brace begins, with how many it draws."""
    found = _COUNT.fullmatch(sign)
    if found is None:
        return _Choice()
    first, dash, second, separator = found.groups()
    least = int(first or 0)
    most = least if not dash else int(second) if second else None
    if most is not None and most < least:
        raise _wrong(template, inside, f"draws from {least} to {most}, the smaller number comes first")
    return _Choice(counts=(least, most), separator=", " if separator is None else separator)


def _weight(text: str) -> tuple[float, str]:
    found = _WEIGHT.match(text)
    return (float(found[1]), text[found.end() :]) if found else (1.0, text)


def _wrong(template: str, inside: tuple[str, ...], what: str) -> BadRequest:
    where = f"a line of the wildcard __{inside[-1]}__" if inside else "the text"
    return BadRequest(f"{FIELD}: {template[:60]!r} is not allowed: {where} {what}")
