"""What the built-in questions get out of a small real chat model, beside a bare request to improve a prompt.

The model's answers are drawn at random, as a user gets them, so this is a measurement and no test.
"""

import asyncio
from pathlib import Path

from sdcpp_restapi.llm.local.chat_model_slot import ChatModelSlot
from sdcpp_restapi.llm.prompt_enhancer import strip_label
from sdcpp_restapi.llm.styles import load_styles
from sdcpp_restapi.schemas.chat import Chat, Message
from sdcpp_restapi.schemas.llama import Completed
from tests.support.llm_upstream import SETTINGS, WEIGHTS

from .plan import Plan
from .report import Figure, Report

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
BARE = "Improve this prompt for an image generator: "
MAX_TOKENS = 120
NAMES = ("keep their subject", "grow to twice the length", "have the style's form")


def measure(_folder: Path, plan: Plan, report: Report) -> None:
    """Each style with each prompt, `plan.enhancements` times."""
    asyncio.run(_measure(plan.enhancements, report))


async def _measure(rounds: int, report: Report) -> None:
    slot = ChatModelSlot(SETTINGS)
    try:
        for style in load_styles():
            tags = style.name == "tags"
            ours = [await _ask(slot, p, style.build_messages(p)) for _ in range(rounds) for p in PROMPTS]
            bare = [
                await _ask(slot, p, [Message(role="user", content=BARE + p)])
                for _ in range(rounds)
                for p in PROMPTS
            ]
            for name, mine, others in zip(NAMES, _rate(ours, tags), _rate(bare, tags), strict=True):
                told = f"bare request: {others:.0f} %"
                report.add(Figure(f"prompts that {name}, {style.name}", mine, "%", 75, True, told))
    finally:
        await slot.close()


async def _ask(slot: ChatModelSlot, prompt: str, messages: list[Message]) -> tuple[str, str]:
    reports = [
        report async for report in slot.stream(WEIGHTS, Chat(messages=messages, max_tokens=MAX_TOKENS))
    ]
    if not isinstance(reports[-1], Completed):
        raise RuntimeError(f"no answer to {prompt!r}: {reports[-1]}")
    return prompt, strip_label(reports[-1].text)


def _rate(answers: list[tuple[str, str]], tags: bool) -> tuple[float, float, float]:
    """Percent of the answers that keep the subject, grow, and have the form."""
    kept = sum(PROMPTS[prompt] in text.lower() for prompt, text in answers)
    grown = sum(len(text) > 2 * len(prompt) for prompt, text in answers)
    formed = sum(_is_tags(text) == tags for _, text in answers)
    hundredth = len(answers) / 100
    return kept / hundredth, grown / hundredth, formed / hundredth


def _is_tags(text: str) -> bool:
    """More commas than sentences."""
    return text.count(",") > 2 * text.rstrip(".").count(". ") and text.count(",") >= 3
