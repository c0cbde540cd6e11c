import json
from pathlib import Path

import pytest

from sdcpp_restapi.models.sidecars import find_sidecars
from sdcpp_restapi.models.trigger_words import find_title, find_trigger_words


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "my.lora.safetensors"
    path.touch()
    return path


TAGS = {"10_cats": {"cat": 10, " whiskers": 4, "": 99}, "5_dogs": {"cat": 1, "dog": 5, "odd": "7"}}
MANY = {f"tag {i}": 50 - i for i in range(50)}


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"modelspec.trigger_phrase": "ohwx cat, oil painting "}, ["ohwx cat", "oil painting"]),
        ({"ss_tag_frequency": json.dumps(TAGS)}, ["cat", "dog", "whiskers"]),
        ({"modelspec.trigger_phrase": " ", "ss_tag_frequency": json.dumps(TAGS)}, ["cat", "dog", "whiskers"]),
        ({"ss_tag_frequency": json.dumps({"a": MANY})}, list(MANY)[:10]),
        ({"ss_tag_frequency": "[" * 100_000}, []),
        ({"ss_tag_frequency": '{"a": 3}'}, []),
        ({"ss_tag_frequency": "[1]"}, []),
        ({}, []),
    ],
)  # fmt: skip
def test_trigger_words_come_from_what_trainers_write(metadata: dict[str, str], words: list[str]) -> None:
    assert find_trigger_words(metadata) == words


def test_the_title_is_the_first_that_says_something() -> None:
    assert (
        find_title({"modelspec.title": " ", "general.name": "Qwen3 4B", "ss_output_name": "x"}) == "Qwen3 4B"
    )
    assert find_title({}) is None


@pytest.mark.parametrize(
    ("ending", "notes", "words", "name"),
    [
        (".civitai.info", {"trainedWords": ["a", " b ", "a", 3], "model": {"name": "T"}}, ("a", "b"), "T"),
        (".metadata.json", {"civitai": {"trainedWords": ["a"]}, "model_name": "T"}, ("a",), "T"),
        (".json", {"activation text": "a, b"}, ("a", "b"), None),
        (".json", {"trainedWords": "none", "model": []}, (), None),
        (".json", [1, 2], (), None),
        (".json", None, (), None),
    ],
)
def test_notes_beside_a_model_are_understood_or_left_alone(
    model: Path, ending: str, notes: object, words: tuple[str, ...], name: str | None
) -> None:
    model.with_name(f"my.lora{ending}").write_text(json.dumps(notes))
    found = find_sidecars([model])[model]
    assert (found.trigger_words, found.title) == (words, name)


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"{}" + b" " * 3_000_000])
def test_broken_notes_are_left_alone(model: Path, content: bytes) -> None:
    model.with_name("my.lora.civitai.info").write_bytes(content)
    assert find_sidecars([model])[model].trigger_words == ()


@pytest.mark.parametrize("kind", [".preview", ".thumb", ".thumbnail", ""])
@pytest.mark.parametrize("extension", [".png", ".jpg", ".jpeg", ".webp"])
def test_a_picture_beside_a_model_is_found_in_capitals_too(model: Path, kind: str, extension: str) -> None:
    for ending in (kind + extension, kind + extension.upper(), (kind + extension).upper()):
        picture = model.with_name(f"my.lora{ending}")
        picture.touch()
        assert find_sidecars([model])[model].picture == picture
        picture.unlink()


def test_the_extension_of_a_model_and_of_its_notes_may_be_in_capitals(tmp_path: Path) -> None:
    model = tmp_path / "UP.SAFETENSORS"
    model.touch()
    (tmp_path / "up.png").touch()  # of another model
    (tmp_path / "UP.CIVITAI.INFO").write_text(json.dumps({"trainedWords": ["a"]}))
    found = find_sidecars([model])[model]
    assert (found.trigger_words, found.picture) == (("a",), None)


def test_the_preview_is_preferred_among_pictures(model: Path) -> None:
    assert find_sidecars([model])[model].picture is None
    for name in ("my.lora.jpg", "my.lora.png", "my.png", "my.lora.preview.png"):
        model.with_name(name).touch()
        found = find_sidecars([model])[model].picture
    assert found == model.with_name("my.lora.preview.png")
    found.unlink()
    assert find_sidecars([model])[model].picture == model.with_name("my.lora.png")


@pytest.mark.parametrize("ending", ["preview.jpeg", "preview.jpg", "preview.webp", "jpeg", "webp"])
def test_a_picture_beside_a_model_may_have_any_of_these_endings(model: Path, ending: str) -> None:
    picture = model.with_name(f"my.lora.{ending}")
    picture.touch()
    assert find_sidecars([model])[model].picture == picture
