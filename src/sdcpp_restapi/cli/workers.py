"""What `sdcpp workers` says."""

import typer
from rich.console import Console
from rich.table import Table

from ..schemas.workers import WorkerList, WorkerSlot, WorkerView


def show_workers(known: WorkerList, as_json: bool) -> None:
    """A table of all workers, a row for each slot."""
    if as_json:
        typer.echo(known.model_dump_json(indent=2))
        return
    if not known.workers:
        typer.echo("No workers. On another machine: sdcpp worker --nats nats://BROKER", err=True)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("worker", "state", "device", "model", "job", "seen", "done", "failed"):
        table.add_column(heading)
    for worker in known.workers:
        for slot in worker.slots or [WorkerSlot(device="-")]:
            table.add_row(*_row(worker, slot))
    # A pipe gets whole lines.
    console = Console()
    Console(width=None if console.is_terminal else 240).print(table)
    for worker in known.workers:
        if worker.problem:
            typer.echo(worker.problem, err=True)


def _row(worker: WorkerView, slot: WorkerSlot) -> tuple[str, ...]:
    return (
        worker.name,
        worker.state,
        slot.device,
        slot.model_name or "-",
        slot.job_id or "-",
        f"{worker.last_seen_seconds:.0f} s ago",
        str(worker.jobs_done),
        str(worker.failures),
    )
