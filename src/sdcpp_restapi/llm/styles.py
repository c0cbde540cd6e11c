"""How prompts are written for an architecture, from styles.toml."""

import tomllib
from functools import cache
from importlib.resources import files

from ..schemas.base import Frozen
from ..schemas.chat import Message


class Style(Frozen):
    """One way of writing prompts."""

    name: str
    architectures: list[str]
    system: str
    like: list[tuple[str, str]]

    def build_messages(self, prompt: str) -> list[Message]:
        """The conversation that asks for a better prompt."""
        shown = [
            message
            for short, good in self.like
            for message in (Message(role="user", content=short), Message(role="assistant", content=good))
        ]
        system = Message(role="system", content=" ".join(self.system.split()))
        return [system, *shown, Message(role="user", content=prompt)]


@cache
def load_styles() -> tuple[Style, ...]:
    """All of them."""
    text = files(__package__).joinpath("styles.toml").read_text("utf-8")
    return tuple(Style.model_validate(style) for style in tomllib.loads(text)["style"])


def style_of(architecture: str | None) -> Style:
    """The one that suits an architecture, as the API names it."""
    styles = load_styles()
    return next((style for style in styles if architecture in style.architectures), styles[-1])
