"""Prompt templates: what is drawn from them."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from sdcpp_restapi.config import Paths
from sdcpp_restapi.errors import BadRequest
from sdcpp_restapi.jobs.submit.prompt_templates import MOST_DRAWS, draw
from sdcpp_restapi.jobs.submit.wildcard_files import Wildcards

FILES = {
    "colour": ["red", "green"],
    "nested": ["a {big|small} __colour__ cat"],
    "heavy": ["3::often", "rare"],
    "self": ["{a|__other__}"],
    "other": ["__self__"],
    "tags": ["<lora:a__x__b:0.5> {a|b}"],
}


def lines(name: str) -> Sequence[str]:
    return FILES[name]


def prompts(template: str, seeds: int = 400) -> Counter[str]:
    """What so many seeds draw."""
    return Counter(draw(template, seed, lines) for seed in range(seeds))


@pytest.mark.parametrize(
    ("template", "drawn"),
    [
        ("a {red|green} cat", {"a red cat", "a green cat"}),
        ("a {red |}cat", {"a red cat", "a cat"}),
        ("{a|{b|c}}", {"a", "b", "c"}),
        ("a __colour__ cat", {"a red cat", "a green cat"}),
        ("__nested__", {f"a {size} {colour} cat" for size in ("big", "small") for colour in FILES["colour"]}),
        ("{x}", {"x"}),
        (r"\{a\|b\} \__colour__", {"{a|b} __colour__"}),
        ("(a|b:1.2) my_name <lora:x_y:0.5>", {"(a|b:1.2) my_name <lora:x_y:0.5>"}),
        ("<lora:{one|two}:0.5>", {"<lora:one:0.5>", "<lora:two:0.5>"}),
        ("<lora:dunder__x__y:1>", {"<lora:dunder__x__y:1>"}),
        (
            "<lora:|high_noise|a__x__b> __colour__",
            {f"<lora:|high_noise|a__x__b> {one}" for one in FILES["colour"]},
        ),
        ("<lora:a__b:1>__colour__", {f"<lora:a__b:1>{one}" for one in FILES["colour"]}),
        ("__colour__<lora:a__b__:1>", {f"{one}<lora:a__b__:1>" for one in FILES["colour"]}),
        ("{<lora:|high_noise|a__x__b:1>|c}", {"<lora:|high_noise|a__x__b:1>", "c"}),
        ("<lora:{a__x__b|c}:1>", {"<lora:a__x__b:1>", "<lora:c:1>"}),
        ("__tags__", {"<lora:a__x__b:0.5> a", "<lora:a__x__b:0.5> b"}),
        ("<lora: __colour__", {"<lora: red", "<lora: green"}),
        ("a > b <lora:a\n__colour__>", {"a > b <lora:a\nred>", "a > b <lora:a\ngreen>"}),
        ("", {""}),
    ],
)
def test_every_possible_prompt_is_drawn_and_no_other(template: str, drawn: set[str]) -> None:
    assert set(prompts(template)) == drawn


@pytest.mark.parametrize(
    ("template", "drawn"),
    [
        ("{2$$a|b}", {"a, b", "b, a"}),
        ("{2$$ and $$a|b}", {"a and b", "b and a"}),
        ("{2$$$$a|b}", {"ab", "ba"}),
        ("{2$$ | $$a|b}", {"a | b", "b | a"}),
        ("{1-2$$a|b}", {"a", "b", "a, b", "b, a"}),
        ("{-1$$a|b}", {"", "a", "b"}),
        ("{2-$$a|b}", {"a, b", "b, a"}),
        ("{0$$a|b}", {""}),
        ("{1-5$$a}", {"a"}),
        ("{2$$a|{b|c}}", {"a, b", "b, a", "a, c", "c, a"}),
        ("{2$$__colour__}", {"red, green", "green, red"}),
        ("{ 2$$+$$__colour__}", {"red+green", "green+red"}),
        ("{2$$__colour__|a}", {"red, a", "a, red", "green, a", "a, green"}),
        ("{2$$a|}", {"a"}),
        ("{a|5$$}", {"a", "5$$"}),
        ("{12345$$a}", {"12345$$a"}),
        (r"\{2$$a\|b\}", {"{2$$a|b}"}),
        ("costs 2$$", {"costs 2$$"}),
    ],
)
def test_several_are_drawn_each_once(template: str, drawn: set[str]) -> None:
    assert set(prompts(template)) == drawn


def test_weights_say_how_often_one_of_several_is_drawn() -> None:
    drawn = prompts("{1$$3::often|rare}")
    assert 0.68 < drawn["often"] / drawn.total() < 0.82
    first = sum(count for text, count in prompts("{2$$9::a|b|c}").items() if "a" in text)
    assert first > 380


@pytest.mark.parametrize("template", ["{3::often|rare}", "{ 3.0::often|1::rare}", "__heavy__"])
def test_weights_say_how_often(template: str) -> None:
    drawn = prompts(template)
    assert drawn.keys() == {"often", "rare"}
    assert 0.68 < drawn["often"] / drawn.total() < 0.82


def test_the_same_seed_draws_the_same_prompt_in_every_version_of_python() -> None:
    template = "{a|b|c|d} __colour__ {1|2|3|4|5}"
    assert [draw(template, seed, lines) for seed in (1, 2, 3)] == ["a green 4", "d green 1", "a green 2"]


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("a {b", "has a '{' without a '}'"),
        ("a b}", "has a '}' without a '{'"),
        ("{3$$a|b}", "draws 3 of 2 choices"),
        ("{3$$__colour__}", "draws 3 of 2 choices"),
        ("{2-1$$a|b}", "draws from 2 to 1"),
        ("{2$$__self__}", "uses itself"),
        ("__self__", "the wildcard __self__ uses itself: self > other > self"),
        ("{}" * (MOST_DRAWS + 1), f"more than {MOST_DRAWS} draws"),
        ("{" * 10_000, "has a '{' without a '}'"),
    ],
    ids=["open", "closed", "more", "more lines", "backwards", "circle of several", "circle", "many", "deep"],
)
def test_a_template_that_cannot_be_drawn_from_is_refused(template: str, told: str) -> None:
    with pytest.raises(BadRequest, match=re.escape(told)):
        draw(template, 1, lines)


async def test_a_wildcard_is_a_text_file_whose_empty_lines_and_comments_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/colour.txt").write_bytes(b"\xef\xbb\xbf# colours\r\n\r\n gr\xc3\xbcn \r\n")
    assert await Wildcards(tmp_path).draw("a __in/colour__ cat", 1) == "a grün cat"


@pytest.mark.parametrize(
    "name",
    [
        "missing",
        "../secret",
        "in/../../secret",
        "/etc/hostname",
        "link",
        "folder",
        "empty",
        "binary",
        "x" * 999,
    ],
)
async def test_a_wildcard_that_is_no_file_of_the_folder_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "wildcards"
    (folder / "in").mkdir(parents=True)
    (folder / "folder.txt").mkdir()
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "empty.txt").write_text("# nothing\n\n")
    (folder / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadRequest, match=re.escape(f"__{name}__")):
        await Wildcards(folder).draw(f"{{a|__{name}__}}", 1)


def test_the_folder_is_beside_those_of_the_models_unless_it_is_set(tmp_path: Path) -> None:
    lists = tmp_path / "lists"
    assert Paths(models_dir=tmp_path).wildcards_folder() == tmp_path / "wildcards"
    assert Paths(models_dir=tmp_path, wildcards_dir=lists).wildcards_folder() == lists
