"""`sdcpp check`: what it says."""

from pathlib import Path

import typer

from ..maintenance.check import CheckResult, check_data
from ..maintenance.checks.problem import Problem
from ..schemas.base import Frozen
from .exit_codes import FAILED, exit_on_errors
from .flags import Flags, read_settings_of
from .telling import telling

_COLOURS = {"✗": typer.colors.RED, "!": typer.colors.YELLOW, "✓": typer.colors.GREEN}
# Of many problems of one kind the first ones tell enough.
_MOST_OF_A_KIND = 20


class FoundProblem(Frozen):
    """A problem in the output of `sdcpp check --json`."""

    name: str
    detail: str
    remedy: str
    note: bool
    repaired: bool
    repairable: bool


class CheckReport(Frozen):
    """The output of `sdcpp check --json`. Notes and what was repaired leave `ok` true."""

    ok: bool
    server_runs: bool
    problems: list[FoundProblem]


def check_and_tell(config: Path | None, flags: Flags, repair: bool, as_json: bool) -> None:
    """Print every problem; exit code 1 when something is wrong that was not repaired."""
    paths = read_settings_of(config, flags).paths
    with exit_on_errors(), telling() as tell:
        result = check_data(paths, repair, tell)
    if as_json:
        typer.echo(_report(result).model_dump_json(indent=2))
    else:
        _print(result, repair)
    if not result.is_well:
        raise typer.Exit(FAILED)


def _print(result: CheckResult, repair: bool) -> None:
    kinds: dict[str, list[Problem]] = {}
    for problem in result.problems:
        kinds.setdefault(problem.name, []).append(problem)
    for found in kinds.values():
        for problem in found[:_MOST_OF_A_KIND]:
            _print_one(problem, problem in result.repaired)
        if len(found) > _MOST_OF_A_KIND:
            typer.echo(f"    ... and {len(found) - _MOST_OF_A_KIND} more: --json tells all")
    if result.is_well:
        typer.echo(f"{len(result.repaired)} repaired: all is well." if result.repaired else "All is well.")
    elif not repair and any(one.repair for one in result.problems):
        first = ", once the server is stopped" if result.running else ""
        typer.echo(f"Something is wrong: `sdcpp check --repair` puts right what it says{first}.")
    else:
        typer.echo("Something is wrong that cannot be repaired here.")


def _print_one(problem: Problem, repaired: bool) -> None:
    sign = "✓" if repaired else "!" if problem.is_note else "✗"
    typer.echo(f"{typer.style(sign, fg=_COLOURS[sign])} {problem.name}: {problem.detail}")
    done = "repaired: " if repaired else "--repair: " if problem.repair else ""
    typer.echo(f"    → {done}{problem.remedy}")


def _report(result: CheckResult) -> CheckReport:
    return CheckReport(
        ok=result.is_well,
        server_runs=result.running,
        problems=[
            FoundProblem(
                name=one.name,
                detail=one.detail,
                remedy=one.remedy,
                note=one.is_note,
                repaired=one in result.repaired,
                repairable=one.repair is not None,
            )
            for one in result.problems
        ],
    )
