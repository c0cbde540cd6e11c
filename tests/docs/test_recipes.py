"""Recipes are short, name what exists, and the tests that they name notice a forgotten step.

For that, the first step of a recipe is done in a copy of the package, and the tests that the recipe names are
run on it.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.markdown import read_chapters, read_code, read_steps
from tests.docs.source_tree import PACKAGE, ROOT

RECIPES = sorted((ROOT / "docs/recipes").glob("*.md"))
MOST_STEPS = 7
GUARDS = "What notices a forgotten step:"

# Recipe -> file, and a text in it with what its first step makes of that: a change that is not followed up.
FIRST_STEPS = {
    "request-parameter": (
        "schemas/generation.py",
        "    shifted_timestep: ",
        "    new_field: Integer = Field(0, ge=0, le=9)\n    shifted_timestep: ",
    ),
    "engine-name": ("engine/binding/names.py", 'SAMPLERS = (\n    "', 'SAMPLERS = (\n    "new",\n    "'),
    "architecture": ("models/architectures.json", '"engine_names": [', '"engine_names": ["New", '),
    "model-type": (
        "schemas/model_types.py",
        'Component = Literal[\n    "',
        'Component = Literal[\n    "new",\n    "',
    ),
    "engine-revision": ("engine/binding/revision_2bb7294.py", '"sd_ctx_params": 320', '"sd_ctx_params": 328'),
    "language-model-provider": (
        "schemas/chat.py",
        "ProviderName = Literal[",
        'ProviderName = Literal["new", ',
    ),
    "download-source": ("schemas/downloads.py", "SourceName = Literal[", 'SourceName = Literal["new", '),
    "setting": (
        "config/server.py",
        "    max_body_mb: ",
        "    new_setting: int = Field(1)\n    max_body_mb: ",
    ),
    "event": ("schemas/events.py", '"job_added"', '"job_stored"'),
}

every_recipe = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.stem)


def guards_of(recipe: Path) -> list[Path]:
    """The tests that a recipe names."""
    named = re.findall(
        r"^- `((?:\w+/)*test_\w+\.py)`: ", recipe.read_text("utf-8").partition(GUARDS)[2], re.MULTILINE
    )
    return [find_test(name) for name in named]


def find_test(name: str) -> Path:
    (found,) = (ROOT / "tests").rglob(name)
    return found


def test_every_recipe_is_linked_where_contributors_begin() -> None:
    linked = re.findall(r"\(docs/recipes/(.+?)\.md\)", read_chapters(ROOT / "CONTRIBUTING.md")["Recipes"])
    assert sorted(linked) == [recipe.stem for recipe in RECIPES] == sorted(FIRST_STEPS)


@every_recipe
def test_a_recipe_is_a_few_numbered_steps(recipe: Path) -> None:
    steps = read_steps(recipe.read_text("utf-8"))
    assert steps == list(range(1, len(steps) + 1))
    assert 2 < len(steps) <= MOST_STEPS


@every_recipe
def test_what_a_recipe_names_is_in_the_files_that_it_names(recipe: Path) -> None:
    named = [re.sub(r"\(.*\)$", "", code) for code in read_code(recipe.read_text("utf-8"))]
    files = [file for name in named for file in find_files(name)]
    text = "\n".join(file.read_text("utf-8") for file in files)
    identifiers = {part for name in named if not is_path(name) for part in name.split(".")}
    identifiers = {name for name in identifiers if re.fullmatch(r"\w+", name)}
    missing = {name for name in identifiers if not re.search(rf"\b{name}\b", text)}
    assert missing == set()


def is_path(name: str) -> bool:
    """Whether a name in backticks is that of a file or a folder."""
    return re.fullmatch(r"[\w.-]+(/[\w.-]*)+|[\w-]+\.(py|md|toml|json)", name) is not None


def find_files(name: str) -> list[Path]:
    """The files that a name in backticks stands for: a path, a folder, or the mere name of a file."""
    if not is_path(name):
        return []
    for root in (ROOT, PACKAGE):
        if (root / name).is_file():
            return [root / name]
        if (root / name).is_dir():
            return [path for path in (root / name).iterdir() if path.suffix in (".py", ".ts", ".vue")]
    return [path for folder in (PACKAGE, ROOT / "tests") for path in folder.rglob(name) if path.is_file()]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package that may be changed."""
    return shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))


def run_guards(guards: list[Path], package: Path) -> tuple[set[Path], str]:
    """Those of the tests' files of which a test fails with this package, and what pytest printed."""
    folders = [str(package.parent), str(ROOT)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=line", *map(str, guards)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    failed = re.findall(r"^FAILED (\S+?)::", done.stdout, re.MULTILINE)
    return {ROOT / name for name in failed}, done.stdout


@pytest.mark.heavy
@pytest.mark.timeout(400)
@every_recipe
def test_the_tests_that_a_recipe_names_notice_a_forgotten_step(recipe: Path, package: Path) -> None:
    file, before, after = FIRST_STEPS[recipe.stem]
    text = (package / file).read_text("utf-8")
    assert text.count(before)
    (package / file).write_text(text.replace(before, after, 1), "utf-8")
    guards = guards_of(recipe)
    failed, printed = run_guards(guards, package)
    assert guards
    assert failed == set(guards), printed


@pytest.mark.heavy
@pytest.mark.timeout(400)
def test_they_have_nothing_to_say_of_a_package_as_it_is(package: Path) -> None:
    failed, printed = run_guards([find_test("test_params.py"), find_test("test_architectures.py")], package)
    assert failed == set(), printed
