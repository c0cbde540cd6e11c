"""What tests read off a page: rows of tables, chapters, numbered steps, words in backticks."""

import re
from pathlib import Path

Row = dict[str, str]


def read_rows(page: Path, column: str) -> list[Row]:
    """The rows of all tables whose first column is called so: heading -> text of the cell."""
    rows: list[Row] = []
    headings: list[str] = []
    for line in page.read_text("utf-8").splitlines():
        cells = _split(line) if line.startswith("|") else []
        if not cells:
            headings = []
        elif not headings:
            headings = cells
        elif headings[0] == column and not cells[0].startswith("---"):
            rows.append(dict(zip(headings, cells, strict=True)))
    return rows


def _split(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def read_chapters(page: Path) -> dict[str, str]:
    """Heading of the second level -> the text below it."""
    _, *parts = re.split(r"^## (.+)$", page.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def read_steps(text: str) -> list[int]:
    """The numbers of the steps of a text."""
    return [int(number) for number in re.findall(r"^(\d+)\. ", text, re.MULTILINE)]


def read_code(text: str) -> list[str]:
    """What stands in backticks, outside of blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
