"""Packages, classes and names of the sources, read without importing them."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "sdcpp_restapi"


def find_packages() -> set[str]:
    """Every folder with an `__init__.py` below the package, as "jobs/queue"."""
    folders = (path.parent.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("__init__.py"))
    return set(folders) - {"."}


@cache
def find_classes() -> dict[str, list[str]]:
    """Class -> the modules that define one of this name at their top level, as "jobs.queue.runner"."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for module, tree in _modules():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                found[node.name].append(module)
    return dict(found)


@cache
def find_methods(class_name: str) -> set[str]:
    """Methods of all classes of this name."""
    return {
        method.name
        for _, tree in _modules()
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == class_name
        for method in node.body
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def find_definitions() -> Iterator[tuple[str, str]]:
    """(module, name) of every class and function, also of those inside of others."""
    for module, tree in _modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield module, node.name


@cache
def _modules() -> list[tuple[str, ast.Module]]:
    return [
        (
            ".".join(path.relative_to(PACKAGE).with_suffix("").parts),
            ast.parse(path.read_text("utf-8"), filename=str(path)),
        )
        for path in sorted(PACKAGE.rglob("*.py"))
    ]
