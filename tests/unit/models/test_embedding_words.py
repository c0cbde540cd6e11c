"""Names of embeddings are found in a prompt as the engine finds them."""

import pytest

from sdcpp_restapi.models.embedding_words import FoundWord, find_words, has_word, may_find


@pytest.mark.parametrize(
    ("prompt", "names", "found"),
    [
        ("a cat, b", ["cat"], [("cat", None)]),
        ("a CAT-like (cat:1.2)", ["Cat"], [("Cat", None), ("Cat", None)]),
        ("the category", ["cat"], [("cat", "category")]),
        ("my_cat's", ["cat"], [("cat", "my_cat")]),
        ("easynegV2", ["easyneg", "easynegV2"], [("easyneg", "easynegv2")]),
        ("easynegV2", ["easyneg", "EasynegV2"], [("EasynegV2", None)]),
        ("xcat", ["cat", "xcat"], [("xcat", None)]),
        ("ca(t)", ["cat"], []),
        (r"bad \(1\)", ["bad (1)"], [("bad (1)", None)]),
        ("bad (1)", ["bad (1)"], []),
        ("bad  hand", ["bad hand"], [("bad hand", None)]),
        ("É", ["é"], []),
        ("a dog", [], []),
    ],
)
def test_a_name_is_found_where_the_engine_finds_it(
    prompt: str, names: list[str], found: list[tuple[str, str | None]]
) -> None:
    assert list(find_words(prompt, names)) == [FoundWord(*one) for one in found]


def test_what_may_be_found_is_a_part_of_the_prompt_and_a_word_stands_alone() -> None:
    assert may_find("the Category", "CAT")
    assert not may_find("the dog", "cat")
    assert has_word("(Cat:1.2)", "cat")
    assert not has_word("the category", "cat")


def test_of_two_names_that_differ_in_capitals_only_the_last_is_read() -> None:
    assert [one.name for one in find_words("a cat", ["cat", "CAT"])] == ["cat"]
