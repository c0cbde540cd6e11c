"""Tables of rules: which field of the API goes where in a C struct.

A rule names the fields that it reads. Fields that no rule of a table reads are listed with the reason. A test
compares both with the schema, so that a field that is added to the API and not mapped is noticed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import JobFailed
from ...schemas import type_rules
from ...schemas.base import Frozen
from .revision import Revision


@dataclass(frozen=True)
class Rule[C]:
    """Puts some fields of a request into the struct of a call `C`."""

    fields: tuple[str, ...]
    apply: Callable[[C], None]


def find_unmapped_fields(
    shape: type[Frozen], rules: Sequence[Rule[Any]], elsewhere: Mapping[str, str]
) -> set[str]:
    """Fields of a schema that are neither read by a rule nor listed as used elsewhere."""
    consumed = {name for rule in rules for name in rule.fields}
    return set(shape.model_fields) - consumed - set(elsewhere)


def find_index(revision: Revision, known: str, field: str, value: str) -> int:
    """Place of a name in a list of the revision's EngineNames. Raises JobFailed: another revision has it."""
    names: tuple[str, ...] = getattr(revision.names, known)
    if value not in names:
        raise JobFailed(f"{field}: the engine's revision {revision.commit} does not know {value}")
    return names.index(value)


def encode_text(text: str) -> bytes:
    """UTF-8 for a C string; a NUL would end it and becomes a blank."""
    return text.replace("\0", " ").encode(errors="replace")


def format_type_rules(rules: str) -> bytes:
    """Checked tensor type rules in the engine's spelling of names and types: it knows q4_K, and not q4_k."""
    split = ((type_rules.translate(pattern), kind) for pattern, kind in type_rules.split(rules))
    return encode_text(",".join(f"{pattern}={kind.replace('_k', '_K')}" for pattern, kind in split))
