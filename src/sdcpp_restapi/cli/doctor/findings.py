"""What a check says."""

from typing import Literal

from ...schemas.base import Frozen


class Finding(Frozen):
    """One line: all right, worth a note, or wrong; and what to do about it."""

    name: str
    state: Literal["ok", "note", "wrong"]
    detail: str
    advice: str | None = None


class Diagnosis(Frozen):
    """The output of `sdcpp doctor --json`. Notes leave `ok` true."""

    ok: bool
    findings: list[Finding]


def ok(name: str, detail: str) -> Finding:
    """All right."""
    return Finding(name=name, state="ok", detail=detail)


def note(name: str, detail: str, advice: str) -> Finding:
    """The server runs, but the user may want to know."""
    return Finding(name=name, state="note", detail=detail, advice=advice)


def wrong(name: str, detail: str, advice: str) -> Finding:
    """The server does not run like this, or not well."""
    return Finding(name=name, state="wrong", detail=detail, advice=advice)


def size(number: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"
