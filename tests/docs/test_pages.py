"""The documentation tells the truth where that can be checked: settings, events, errors, files, links."""

import importlib
import json
import pkgutil
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer.main
from pydantic.fields import FieldInfo

import sdcpp_restapi
from sdcpp_restapi.cli.commands import app
from sdcpp_restapi.config import Section, Settings
from sdcpp_restapi.errors import SdcppError
from sdcpp_restapi.schemas.events import EVENT_NAMES
from tests.docs.markdown import read_code, read_rows
from tests.docs.source_tree import PACKAGE, ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
# Modules that run something, or that another system has.
NOT_IMPORTED = ("__main__", "os_support.windows")
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


# Codes of answers that are no class of ours, with their status.
OTHER_CODES = {
    "invalid_request": 400,
    "invalid_json": 400,
    "method_not_allowed": 405,
    "internal_error": 500,
    "preflight_refused": 400,
    "range_not_satisfiable": 416,
    "request_timeout": 408,
    "request_header_fields_too_large": 431,
    "too_many_connections": 503,
}
# Errors that no answer has: they end an attempt of a job, whose `error` is their sentence, or a command.
NOT_ANSWERED = {
    "backup_damaged", "backup_failed", "bad_file", "bad_settings", "cannot_load", "certificate_unusable",
    "check_refused", "credentials_unusable", "data_directory_busy", "database_too_new", "engine_lost",
    "engine_unusable", "interrupted", "job_cancelled", "job_failed", "name_taken", "paused", "port_taken",
    "preempted", "restore_refused", "start_failed", "worker_lost",
}  # fmt: skip


def all_errors(kind: type[SdcppError] = SdcppError) -> Iterator[type[SdcppError]]:
    for child in kind.__subclasses__():
        yield child
        yield from all_errors(child)


def test_every_code_of_an_error_is_documented_with_its_status_and_no_other() -> None:
    for module in pkgutil.walk_packages(sdcpp_restapi.__path__, "sdcpp_restapi."):
        if not module.name.endswith(NOT_IMPORTED):
            importlib.import_module(module.name)
    ours = {
        error.code: error.status for error in all_errors() if error.__module__.startswith("sdcpp_restapi.")
    }
    assert ours.keys() >= NOT_ANSWERED
    answered = {code: status for code, status in ours.items() if code not in NOT_ANSWERED} | OTHER_CODES
    rows = read_rows(ROOT / "docs/errors.md", "Code")
    assert {row["Code"].strip("`"): int(row["Status"]) for row in rows} == answered
    assert all(row["Means"] for row in rows)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_a_page_names_exist(page: Path) -> None:
    named = [
        code
        for code in read_code(page.read_text("utf-8"))
        if re.fullmatch(r"[\w./-]+\.(py|sql|ts|vue)", code)
    ]
    missing = [name for name in named if not any(found(name))]
    assert missing == []


def found(name: str) -> Iterator[Path]:
    """The files that a name stands for: a path, the mere name of a file, or the end of a test's path."""
    yield from (root / name for root in (ROOT, PACKAGE) if (root / name).is_file())
    for folder in ("tests",) if "/" in name else ("src", "tests", "ui/src", "tools"):
        yield from (ROOT / folder).rglob(name)


def test_the_version_is_in_the_changelog() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    versions = re.findall(r"^## \[(.+?)\]", changelog, re.MULTILINE)
    assert versions[:2] == ["Unreleased", project["version"]]


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
