"""A word of the glossary that is a class is one class, and words that were given up are not used as names."""

import re

import pytest

from tests.docs.markdown import Row, read_rows
from tests.docs.source_tree import ROOT, find_classes, find_definitions

WORDS = read_rows(ROOT / "docs/glossary.md", "Word")
NO_CLASS = "no class"

# Sections of the settings are named after what they set.
SETTINGS = "config."

# Names of several classes, and why they may be.
SEVERAL = {
    **dict.fromkeys(
        ("Downloads", "Generation", "Llm", "Queue", "Retention", "Webhooks"),
        "a section of the settings, and what it sets",
    ),
    **dict.fromkeys(
        (
            "Complete",
            "Completed",
            "Generate",
            "LoadModel",
            "LoadUpscaler",
            "UnloadModel",
            "UnloadUpscaler",
            "Upscale",
            "WantPreviews",
        ),
        "messages of several protocols: to a child, to a worker, of the assistant",
    ),
    "JobCancelled": "the error that ends an attempt, and the event that tells it",
    "InputImage": "an image as a job refers to it, and in the memory of the engine's child",
    "Session": "what a child's end of the pipe needs, and the engine's implementation",
}

# Words of earlier names, and the names that may have them all the same.
NOT_USED: dict[str, set[str]] = {
    word: set()
    for word in (
        "abroad", "bell", "crew", "deed", "desk", "errand", "head", "herald", "inbox", "intake", "line",
        "post", "roster", "seat", "station", "stock", "strand", "stranded", "taker", "turn", "wish",
    )
}  # fmt: skip
NOT_USED["head"] = {
    "head",  # the method HEAD of HTTP
    "_find_heads",  # of a queue: its first jobs
    "HeadRequests", "_await_head", "_head_is_late",  # the method, and the head of a request
}  # fmt: skip
NOT_USED["line"] = {
    "_line",
    "_lines",
    "_Lines",
    "JsonLines",
    "Line",
    "TextLines",
    "_write_lines",
    "match_line",
}  # of a text
NOT_USED["turn"] = {"Turn", "run_turn"}  # of a conversation


def word_of(row: Row) -> str:
    return row["Word"].strip("*")


def test_the_glossary_is_in_order() -> None:
    words = [word_of(row).lower() for row in WORDS]
    assert words == sorted(words)


@pytest.mark.parametrize("row", WORDS, ids=word_of)
def test_a_word_is_one_class_or_none(row: Row) -> None:
    assert row["Meaning here"].endswith(".")
    same = re.sub(r"[\W_]", "", word_of(row)).lower()
    named = {
        f"{module}.{name}"
        for name, modules in find_classes().items()
        if name.lower() == same
        for module in modules
        if not module.startswith(SETTINGS)
    }
    if row["Class"] == NO_CLASS:
        assert named == set()
    else:
        module, _, name = row["Class"].strip("`").rpartition(".")
        assert module in find_classes().get(name, [])
        assert named <= {f"{module}.{name}"}


def test_only_names_with_a_reason_are_those_of_several_classes() -> None:
    several = {name: modules for name, modules in find_classes().items() if len(modules) > 1}
    public = {name: modules for name, modules in several.items() if not name.startswith("_")}
    assert {name: modules for name, modules in public.items() if name not in SEVERAL} == {}
    assert set(SEVERAL) <= set(several), "a reason is not needed any more"


def test_words_that_were_given_up_are_not_names() -> None:
    names = {name for _, name in find_definitions()}
    found = {
        name
        for name in names
        for word in words_of(name)
        if word.removesuffix("s") in NOT_USED and name not in NOT_USED[word.removesuffix("s")]
    }
    assert found == set()
    assert set.union(*NOT_USED.values()) <= names, "an exception is not needed any more"


def words_of(name: str) -> list[str]:
    """JsonLines, json_lines -> json, lines."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]
