"""Runs the checks and prints what they say."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import typer

from ...config import Settings, read_settings
from ...errors import BadSettings
from ..exit_codes import FAILED
from ..flags import Flags
from . import certificate, engine, folders, listening, system
from .findings import Diagnosis, Finding, ok, wrong

type Check = Callable[[Settings], Iterable[Finding]]

CHECKS: tuple[Check, ...] = (system.check, engine.check, folders.check, certificate.check, listening.check)
SIGN = {"ok": ("✓", typer.colors.GREEN), "note": ("!", typer.colors.YELLOW), "wrong": ("✗", typer.colors.RED)}


def examine(config: Path | None, flags: Flags, as_json: bool, other: Path | None = None) -> None:
    """Print every finding; exit code 1 when something is wrong.

    `other` is a library of the engine that is compared with the one in use.
    """
    findings = []
    for finding in _run_checks(config, flags, other):
        findings.append(finding)
        if not as_json:
            _print(finding)
    diagnosis = Diagnosis(ok=all(one.state != "wrong" for one in findings), findings=findings)
    if as_json:
        typer.echo(diagnosis.model_dump_json(indent=2))
    else:
        typer.echo("\nAll is well." if diagnosis.ok else "\nSomething is wrong: see the lines with ✗ above.")
    if not diagnosis.ok:
        raise typer.Exit(FAILED)


def _run_checks(config: Path | None, flags: Flags, other: Path | None) -> Iterator[Finding]:
    try:
        settings = read_settings(config, flags)
        yield ok("Settings", f"{config} and the environment" if config else "environment and defaults")
    except BadSettings as error:
        yield wrong("Settings", str(error), "correct it; what follows is checked with the defaults")
        settings = Settings.model_construct()
    for check in CHECKS:
        yield from _guard(check, settings)
    if other is not None:
        # It takes seconds to come, and only this needs it.
        from .other_engine import compare

        yield from _guard(lambda settings: compare(settings, other), settings)


def _guard(check: Check, settings: Settings) -> Iterator[Finding]:
    """A check that breaks is a finding too: what is broken is what the doctor was called for."""
    try:
        yield from check(settings)
    except Exception as error:
        name = check.__module__.rpartition(".")[2].capitalize()
        yield wrong(name, f"the check itself broke: {type(error).__name__}: {error}", "please report this")


def _print(finding: Finding) -> None:
    sign, colour = SIGN[finding.state]
    typer.echo(f"{typer.style(sign, fg=colour)} {finding.name}: {finding.detail}")
    if finding.advice:
        typer.echo(f"    → {finding.advice}")
