"""The figures of one run: a table for people, JSON for comparing runs."""

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from . import client

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Figure:
    """One measured number; `target` is what it should be at most, or at least where `more_is_better`."""

    name: str
    value: float
    unit: str
    target: float | None = None
    more_is_better: bool = False
    detail: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target was reached; None without one."""
        if self.target is None:
            return None
        return self.value >= self.target if self.more_is_better else self.value <= self.target


@dataclass(frozen=True)
class Comparison:
    """Load on one path of the server, and the same load on the floor with a body of the same size."""

    path: str
    engine: str
    body_bytes: int
    server: client.Load
    floor: client.Load
    ratio: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", self.server.per_second / self.floor.per_second)


@dataclass(frozen=True)
class Beside:
    """What we take or reach, and what a plain tool does with the same data in the same run."""

    name: str
    tool: str
    unit: str
    ours: float
    theirs: float
    ratio: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", self.ours / self.theirs)


@dataclass
class Report:
    """Everything that was measured, in order."""

    load_average: float = field(default_factory=lambda: os.getloadavg()[0])
    figures: list[Figure] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    tools: list[Beside] = field(default_factory=list)

    def add(self, *figures: Figure) -> None:
        """Take figures in, and show that the run goes on."""
        self.figures += figures
        for figure in figures:
            print(f"  {figure.name}: {figure.value:,.1f} {figure.unit}", flush=True)

    def compare(self, comparison: Comparison) -> None:
        """Take a comparison in, and show that the run goes on."""
        self.comparisons.append(comparison)
        print(
            f"  {comparison.path} ({comparison.engine}): {comparison.server.per_second:,.0f} requests/s",
            flush=True,
        )

    def beside(self, measured: Iterable[Beside]) -> None:
        """Take in what is measured, and show that the run goes on."""
        for one in measured:
            self.tools.append(one)
            told = f"{one.ours:,.1f} {one.unit}, {one.tool} {one.theirs:,.1f}"
            print(f"  {one.name}: {told}", flush=True)

    def show(self) -> None:
        """All tables that have something in them, on standard output."""
        console = Console(width=150 if not os.isatty(1) else None)
        for table in (_loads(self.comparisons), _tools(self.tools), _figures(self.figures)):
            if table.row_count:
                console.print(table)
        # Other work on the machine shows in every figure, the floor's included.
        console.print(f"Load average before the run: {self.load_average:.1f} on {os.cpu_count()} cores")

    def save(self) -> Path:
        """Write everything as JSON into benchmarks/results/."""
        now = datetime.now(UTC)
        body = {
            "time": now.isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "machine": platform.platform(),
            "cores": os.cpu_count(),
            "load_average_before": self.load_average,
            "load_client": client.NAME,
            "figures": [{**asdict(figure), "met": figure.met} for figure in self.figures],
            "comparisons": [asdict(comparison) for comparison in self.comparisons],
            "tools": [asdict(tool) for tool in self.tools],
        }
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{now:%Y-%m-%dT%H%M%S}.json"
        path.write_text(json.dumps(body, indent=2) + "\n")
        return path


def _loads(comparisons: list[Comparison]) -> Table:
    title = f"{client.CONNECTIONS} keep-alive connections, {client.NAME}; the floor answers as many bytes"
    table = Table("path", "engine", title=title)
    for name in ("body", "requests/s", "p50 ms", "p99 ms", "errors", "floor requests/s", "p99 ms", "ratio"):
        table.add_column(name, justify="right")
    for one in comparisons:
        served, floor = one.server, one.floor
        table.add_row(
            one.path,
            one.engine,
            f"{one.body_bytes:,}",
            f"{served.per_second:,.0f}",
            f"{served.p50_ms:.1f}",
            f"{served.p99_ms:.1f}",
            str(served.errors),
            f"{floor.per_second:,.0f}",
            f"{floor.p99_ms:.1f}",
            f"{one.ratio:.2f}",
        )
    return table


def _tools(tools: list[Beside]) -> Table:
    table = Table("what", title="files, beside plain tools")
    table.add_column("unit")
    for name in ("ours", "theirs", "ratio"):
        table.add_column(name, justify="right")
    table.add_column("tool")
    for one in tools:
        table.add_row(
            one.name, one.unit, f"{one.ours:,.1f}", f"{one.theirs:,.1f}", f"{one.ratio:.2f}", one.tool
        )
    return table


def _figures(figures: list[Figure]) -> Table:
    table = Table("what", title="single figures, and the targets")
    table.add_column("value", justify="right")
    table.add_column("target", justify="right")
    table.add_column("met")
    table.add_column("detail")
    for one in figures:
        bound = "at least" if one.more_is_better else "at most"
        target = f"{bound} {one.target:,g}" if one.target is not None else ""
        met = {None: "", True: "yes", False: "[bold red]no[/]"}[one.met]
        digits = 1 if one.unit else 2
        table.add_row(one.name, f"{one.value:,.{digits}f} {one.unit}", target, met, one.detail)
    return table
