"""Tables of rules: which field of the API goes where in a C struct.

A table names every field that its rules consume, and the fields that nothing in it consumes are named with
the reason. A test compares both with the schema, so a field that is added to the API and not mapped cannot
be lost in silence.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...schemas import type_rules
from ...schemas.base import Frozen

INFINITY = float("inf")
"""What the engine reads as "the model's own value" in eta, img_cfg and flow_shift."""


@dataclass(frozen=True)
class Rule[C]:
    """How some fields get into the struct of a call `C`."""

    fields: tuple[str, ...]
    apply: Callable[[C], None]


def unmapped_fields(
    shape: type[Frozen], rules: Sequence[Rule[Any]], elsewhere: Mapping[str, str]
) -> set[str]:
    """Fields of a schema that would be lost: neither read by a rule nor known to be used elsewhere."""
    consumed = {name for rule in rules for name in rule.fields}
    return set(shape.model_fields) - consumed - set(elsewhere)


def utf8(text: str) -> bytes:
    """A text for the engine; a NUL would end it there and becomes a blank."""
    return text.replace("\0", " ").encode(errors="replace")


def engine_type_rules(rules: str) -> bytes:
    """Checked tensor type rules as the engine spells the types: it knows q4_K and ignores q4_k."""
    split = type_rules.split(rules)
    return utf8(",".join(f"{pattern}={kind.replace('_k', '_K')}" for pattern, kind in split))
