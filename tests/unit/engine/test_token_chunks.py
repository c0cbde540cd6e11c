"""A prompt that SD3's text encoders cut into different numbers of chunks is found before it is encoded."""

import pytest

from sdcpp_restapi.engine.child.log_parser import LogParser
from sdcpp_restapi.engine.child.token_chunks import TokenChunks

PARSED = "conditioner.hpp:820  - parse 'a' to [['a', 1], ]"
ENCODES = "ggml_runner.cpp:965  - clip executing segment 1/1: graph"


def parts(*counts: tuple[int, int]) -> list[str]:
    """The lines of a prompt of which each part has so many tokens of CLIP and of T5."""
    lines = [PARSED]
    for clip, t5 in counts:
        lines += [f'bpe_tokenizer.cpp:245  - split prompt "a" to {clip} tokens [{"'a</w>', " * clip}]'] * 2
        lines += [f't5_unigram_tokenizer.cpp:340  - split prompt "a" to tokens [{"'a', " * t5}]']
    return [line.replace("', ", '", ').replace("'a", '"a') for line in lines] + [ENCODES]


def told(lines: list[str]) -> list[str]:
    chunks = TokenChunks()
    notes = (chunks.note(line, line.partition(" - ")[2]) for line in lines)
    return [note for note in notes if note]


@pytest.mark.parametrize(
    ("counts", "wrong"),
    [
        ([(2, 3)], False),
        ([(38, 76)], False),
        ([(39, 77)], True),
        ([(76, 84)], False),
        ([(84, 168)], True),
        ([(200, 3)], False),
        ([(20, 40), (19, 38)], True),
        ([(40, 40), (40, 60)], False),
        ([(0, 200)], False),
        ([(200, 0)], False),
    ],
)
def test_t5_may_not_have_more_chunks_than_clip(counts: list[tuple[int, int]], wrong: bool) -> None:
    assert bool(told(parts(*counts))) is wrong


def test_each_prompt_is_counted_anew() -> None:
    (problem,) = told([*parts((30, 60)), *parts((30, 60)), *parts((39, 78))])
    assert problem.startswith("prompt: T5 makes 78 tokens of it and CLIP 39, ")


@pytest.mark.parametrize(("version", "stopped"), [("SD3.x", 1), ("Flux", 0)])
def test_the_command_is_abandoned_with_sd3_only(version: str, stopped: int) -> None:
    abandoned: list[tuple[int, str]] = []
    parser = LogParser(lambda _report: None, abandon=lambda *told: abandoned.append(told))
    with parser.follow_load(1):
        parser.on_log(1, f"a.cpp:1 - Version: {version} ")
    with parser.follow_video(7, 1):
        for line in parts((39, 78)):
            parser.on_log(0, line)
    assert [command for command, _ in abandoned] == [7] * stopped
