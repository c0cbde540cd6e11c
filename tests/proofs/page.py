"""docs/parameters.md, made of the fields and their proofs."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from tests.proofs.fields import Field, fields
from tests.proofs.markers import ROOT, Proof, proofs

PAGE = ROOT / "docs" / "parameters.md"

HEAD = """\
# Parameters

Every field that requests may have, and the tests that show that it acts. *Seen*: a test sees its effect in
the picture, the file, the answer, the engine's log or its memory. *Passed*: no model that fits into a test
shows one, and a test sees that the engine is given the value.

This page is made by `scripts/parameters` from the interface's own description and from the tests, and a
test checks that it is up to date. Load options are fields of `options`.
"""


def render(all_fields: Iterable[Field], all_proofs: Iterable[Proof]) -> str:
    """The text of the page."""
    by_field: dict[str, list[Proof]] = {}
    for proof in all_proofs:
        by_field.setdefault(proof.field, []).append(proof)
    lines = [HEAD]
    for endpoint, members in groupby(all_fields, lambda field: field.endpoint):
        lines += [f"## `{endpoint}`", "", "| Field | Type | Default | Proof |", "| --- | --- | --- | --- |"]
        lines += [_row(field, by_field.get(field.name, [])) for field in members]
        lines.append("")
    return "\n".join(lines)


def _row(field: Field, own: list[Proof]) -> str:
    name = field.name.partition(".")[2]
    default = field.default if field.default == "required" else f"`{field.default}`"
    cells = [f"`{name}`", field.kind, default, "; ".join(_told(own))]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _told(own: list[Proof]) -> Iterator[str]:
    """What was seen; what was only passed is told where nothing was seen."""
    for word, passed in (("Seen", False), ("Passed", True)):
        tests = sorted({proof.test for proof in own if proof.passed is passed})
        if tests:
            yield f"{word}: {', '.join(map(_link, tests))}"
            return


def _link(test: str) -> str:
    path, _, name = test.partition("::")
    return f"[{name.removeprefix('test_').replace('_', ' ')}](../{path})"


def main() -> None:
    """Write the page."""
    PAGE.write_text(render(fields(), proofs()), "utf-8")


if __name__ == "__main__":
    main()
