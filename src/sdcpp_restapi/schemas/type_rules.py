"""Rules that give some tensors a type of their own: `pattern=type`, separated by commas.

A pattern is a regular expression that is searched in the tensor's name. The engine ends its process when it
cannot compile one, and ignores a type that it does not know: both are refused here.
"""

import re
from typing import Annotated

from pydantic import AfterValidator

from ..engine.binding.names import WRITABLE_TYPES

LONGEST = 4000

# The API document calls the VAE's tensors `vae.`, which is what the engine calls them while it reads them.
_VAE = re.compile(r"^(\^?)vae\\?\.")

# What Python's and the engine's (ECMAScript) expressions read alike: names, . ^ $ | ( ) (?: * + ? {n},
# classes of plain characters and ranges, and escaped dots and the like, \d \w \s.
_ALIKE = re.compile(
    r"""(?: [\w.^$|)*+?-]            # names, anchors, alternatives, repetition
          | \( (?!\?) | \(\?:        # groups; nothing else begins with (?
          | \{\d{1,2}\}
          | \\[dwsDWS.^$|()*+?\[\]{}\\/-]
          | \[\^?(?:[\w.]-[\w.]|[\w.])+\]
        )+""",
    re.VERBOSE | re.ASCII,
)


def split(rules: str) -> list[tuple[str, str]]:
    """Pattern and type of each rule that was checked."""
    return [
        (pattern, kind) for pattern, _, kind in (rule.rpartition("=") for rule in rules.split(",") if rule)
    ]


def translate(pattern: str) -> str:
    """A pattern with the engine's name for the VAE."""
    return _VAE.sub(r"\1first_stage_model\.", pattern)


def _checked(text: str) -> str:
    if len(text) > LONGEST:
        raise ValueError(f"at most {LONGEST} characters")
    rules = [rule.strip() for rule in text.split(",") if rule.strip()]
    return ",".join(_checked_rule(rule) for rule in rules)


def _checked_rule(rule: str) -> str:
    pattern, equals, kind = (part.strip() for part in rule.rpartition("="))
    if not equals or not pattern or not kind:
        raise ValueError(f"{rule!r} is not pattern=type")
    if kind.lower() not in WRITABLE_TYPES:
        raise ValueError(f"{rule!r}: the type must be one of {', '.join(WRITABLE_TYPES)}")
    if not _compiles(pattern):
        raise ValueError(f"{rule!r}: the pattern is not a regular expression that the engine understands")
    return f"{pattern}={kind.lower()}"


def _compiles(pattern: str) -> bool:
    if not _ALIKE.fullmatch(pattern):
        return False
    try:
        re.compile(pattern)
    except re.error:
        return False
    # Repetition of nothing, and possessive repetition, which only Python knows.
    return not re.search(r"[*+?}][*+{]|[|^(][*+{]|[|^]\?|^[*+?{]", pattern)


TypeRules = Annotated[str, AfterValidator(_checked)]
