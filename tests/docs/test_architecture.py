"""The page about the architecture shows the rooms, layers and decisions that there are."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sdcpp_restapi.compat.registry import APIS
from tests.docs.markdown import read_chapters, read_code, read_rows, read_steps
from tests.docs.source_tree import PACKAGE, ROOT, find_classes, find_methods, find_packages

PAGE = ROOT / "docs/architecture.md"
MOST_STEPS = 10

# Process -> the module that it runs, and those that it imports when they are first asked for.
PROCESSES = {
    "server": ["sdcpp_restapi.serve", *(interface.module for interface in APIS)],
    "worker": ["sdcpp_restapi.work"],
    "engine child": ["sdcpp_restapi.engine.child.__main__"],
    "chat-model child": ["sdcpp_restapi.llm.local.child.__main__"],
}
# Facts that import nothing, and that are read in every process.
FACTS = {"engine/binding/names", "engine/binding/measurements"}
# Process -> libraries that are imported when they are needed: each would cost a start up to 0.1 s.
LATE = {
    "server": {"httpx", "nats", "rich", "jinja2", "ollama", "huggingface_hub", "numpy", "av", "typer"},
    "engine child": {"httpx", "rich", "fastapi", "pydantic_settings", "psutil"},
}
PRINT_LIBRARIES = "import importlib, sys; importlib.import_module(sys.argv[1]); print(*sys.modules)"
# Prints the modules that the process has imported, but for packages.
PRINT_MODULES = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
modules = [name for name in sys.modules if name.startswith("sdcpp_restapi.")]
modules = [name for name in modules if not hasattr(sys.modules[name], "__path__")]
print(*("/".join(name.split(".")[1:]) for name in modules))
"""


def rooms() -> dict[str, set[str]]:
    """Room -> its processes, as the page has them."""
    rows = read_rows(PAGE, "Room")
    return {row["Room"].strip("`"): set(row["Process"].split(", ")) for row in rows}


def test_every_package_is_a_room_of_the_page_and_no_other() -> None:
    assert set(rooms()) == find_packages()


def test_processes_are_those_that_the_page_explains() -> None:
    explained = {row["Process"] for row in read_rows(PAGE, "Process")}
    assert set.union(*rooms().values()) == explained == {*PROCESSES, "command"}


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_imports_the_rooms_that_the_page_tells(process: str) -> None:
    command = [sys.executable, "-c", PRINT_MODULES, *PROCESSES[process]]
    modules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    imported = {module.rpartition("/")[0] for module in modules if module not in FACTS} - {""}
    told = {room for room, processes in rooms().items() if process in processes}
    # Rooms that consist of rooms may have no module of their own.
    outer = {room for room in told if any(other.startswith(f"{room}/") for other in told)}
    assert imported <= told
    assert told - imported <= outer


@pytest.mark.parametrize("process", LATE)
def test_a_process_starts_without_what_few_of_its_like_need(process: str) -> None:
    command = [sys.executable, "-c", PRINT_LIBRARIES, PROCESSES[process][0]]
    libraries = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert LATE[process] & set(libraries) == set()


def test_layers_are_those_of_the_contract() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["type"] == "layers" and "containers" not in one)
    block = re.search(r"^```\n(.*?)^```$", read_chapters(PAGE)["4. Layers"], re.MULTILINE | re.DOTALL)
    assert block
    assert block[1].splitlines() == [layer.replace("sdcpp_restapi.", "") for layer in layers]


def test_all_decisions_are_listed_in_order() -> None:
    files = sorted((ROOT / "docs/decisions").glob("*.md"))
    titles = [(file.read_text("utf-8").partition("\n")[0].removeprefix("# "), file.name) for file in files]
    listed = re.findall(r"^- \[(.+)\]\(decisions/(.+)\)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert listed == titles
    assert all(int(title.partition(".")[0]) == int(name[:4]) for title, name in titles)


def test_chapters_are_numbered_and_journeys_are_short() -> None:
    chapters = read_chapters(PAGE)
    assert [int(title.partition(".")[0]) for title in chapters] == list(range(1, len(chapters) + 1))
    journeys = [text for title, text in chapters.items() if "Journey" in title]
    assert len(journeys) == 5
    for text in journeys:
        steps = read_steps(text)
        assert steps == list(range(1, len(steps) + 1))
        assert len(steps) <= MOST_STEPS


def test_classes_and_methods_of_the_journeys_exist() -> None:
    named = [code.split(".") for code in read_code(PAGE.read_text("utf-8"))]
    classes = [name for name in named if re.fullmatch(r"(?:[A-Z][a-z]+){2,}", name[0])]
    assert len(classes) > 10
    missing = [name for name, *_ in classes if name not in find_classes()]
    missing += [".".join(name) for name in classes if not set(name[1:]) <= find_methods(name[0])]
    assert missing == []


def test_files_that_the_sources_name_in_comments_exist() -> None:
    known = [
        path.relative_to(ROOT).as_posix() for folder in ("src", "tests") for path in _python_files(folder)
    ]
    missing = [
        f"{path.relative_to(PACKAGE)} names {name}"
        for path in _python_files("src")
        for name in re.findall(r"(?<![\w./])\w[\w/]*\.py\b", path.read_text("utf-8"))
        if not (ROOT / name).exists() and not any(file.endswith(f"/{name}") for file in known)
    ]
    assert missing == []


def _python_files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))
