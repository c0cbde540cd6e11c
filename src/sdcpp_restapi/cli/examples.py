"""What stands at the end of a command's help."""

ENDS = "[dim]Exit codes: 0 went well, 1 failed, 2 wrong arguments or settings, 130 interrupted.[/dim]"


def examples(*lines: str) -> str:
    """The epilog of a command."""
    return "\n\n".join(["[bold]Examples[/bold]", *lines])
