"""The documentation tells the truth where that can be checked: settings, events, links."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer.main
from pydantic.fields import FieldInfo

from sdcpp_restapi.cli.commands import app
from sdcpp_restapi.config import Section, Settings
from sdcpp_restapi.schemas.events import EVENT_NAMES

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
# Flags of `sdcpp serve` that stand for no setting.
OTHER_FLAGS = {"--config", "--demo"}
HOME = "/home/somebody"

Row = Mapping[str, str]


def documented() -> dict[tuple[str, str], Row]:
    """(section, name) -> the row of docs/configuration.md."""
    rows: dict[tuple[str, str], Row] = {}
    section, columns = "", []
    for line in (ROOT / "docs/configuration.md").read_text("utf-8").splitlines():
        if heading := re.match(r"## `\[(\w+)\]`", line):
            section = heading[1]
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if cells[:1] == ["Name"]:
            columns = cells
        elif cells and not cells[0].startswith("---"):
            rows[section, cells[0].strip("`")] = dict(zip(columns, cells, strict=True))
    return rows


def settings() -> Iterator[tuple[str, str, FieldInfo]]:
    for section, field in Settings.model_fields.items():
        assert isinstance(field.annotation, type)
        assert issubclass(field.annotation, Section)
        for name, inner in field.annotation.model_fields.items():
            yield section, name, inner


def shown(default: object) -> str:
    """A default as the page writes it: TOML in backticks, or the word none."""
    if default is None:
        return "none"
    text = str(default).replace(HOME, "~") if isinstance(default, Path) else default
    return f"`{json.dumps(text)}`"


@pytest.fixture
def linux_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", HOME)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)


def test_every_setting_is_documented_and_no_other() -> None:
    assert set(documented()) == {(section, name) for section, name, _ in settings()}


@pytest.mark.parametrize(
    ("section", "name", "field"), [pytest.param(*one, id=f"{one[0]}.{one[1]}") for one in settings()]
)
def test_a_setting_is_documented_with_its_variable_and_default(
    section: str, name: str, field: FieldInfo, linux_home: None
) -> None:
    row = documented()[section, name]
    assert row["Environment"] == f"`SDCPP_{section}_{name}`".upper()
    assert row["Default"] == shown(field.get_default(call_default_factory=True, validated_data={}))
    assert row["Meaning"]


def test_every_flag_of_serve_is_documented_and_no_other() -> None:
    command: Any = typer.main.get_command(app)
    flags = {option for param in command.commands["serve"].params for option in param.opts} - OTHER_FLAGS
    rows = documented().values()
    assert {row["Flag"].strip("`") for row in rows if row["Flag"]} == flags


def test_every_event_is_documented_and_no_other() -> None:
    page = (ROOT / "docs/websocket.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == set(EVENT_NAMES.values())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    broken = [link for link in links(page) if not leads_somewhere(page, link)]
    assert not broken


def links(page: Path) -> list[str]:
    """The targets of a page's links within the project."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]


def leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or anchor in anchors(target))


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, made as forges make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
