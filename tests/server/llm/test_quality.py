"""What the built-in questions get out of a small real model: how styles.toml was chosen."""

import pytest

from sdcpp_restapi.llm.local.chat_model_slot import ChatModelSlot
from sdcpp_restapi.llm.prompt_enhancer import _strip_label
from sdcpp_restapi.llm.styles import Style, load_styles
from sdcpp_restapi.schemas.chat import Chat
from sdcpp_restapi.schemas.llama import Completed
from tests.support.llm_upstream import WEIGHTS

# What each is about, in a word that must not get lost.
PROMPTS = {
    "a cat": "cat",
    "a knight fighting a dragon": "dragon",
    "portrait of an old fisherman": "fisherman",
    "spaceship over mars": "ship",
    "a cup of coffee on a table, rainy window": "coffee",
    "red sports car in the desert": "car",
    "a girl reading a book under a tree": "girl",
    "medieval castle at night": "castle",
}


@pytest.mark.heavy
@pytest.mark.timeout(900)
@pytest.mark.parametrize("style", load_styles(), ids=lambda style: style.name)
async def test_most_prompts_keep_their_subject_grow_and_have_the_styles_form(
    slot: ChatModelSlot, style: Style
) -> None:
    results = {prompt: await _enhanced(slot, style, prompt) for prompt in PROMPTS}
    print("\n".join(f"{prompt!r}: {result!r}" for prompt, result in results.items()))
    kept = [prompt for prompt, subject in PROMPTS.items() if subject in results[prompt].lower()]
    grown = [prompt for prompt, result in results.items() if len(result) > 2 * len(prompt)]
    formed = [result for result in results.values() if _is_tags(result) == (style.name == "tags")]
    assert min(len(kept), len(grown), len(formed)) >= len(PROMPTS) * 3 // 4


async def _enhanced(slot: ChatModelSlot, style: Style, prompt: str) -> str:
    chat = Chat(messages=style.build_messages(prompt), max_tokens=120)
    reports = [report async for report in slot.stream(WEIGHTS, chat)]
    assert isinstance(reports[-1], Completed)
    return _strip_label(reports[-1].text)


def _is_tags(text: str) -> bool:
    """More commas than sentences."""
    return text.count(",") > 2 * text.rstrip(".").count(". ") and text.count(",") >= 3
