"""From messages to the text that a model was trained on: the chat template in its file."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NoReturn

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ....errors import LlmFailed
from ....schemas.chat import Message

# For files without one. Text encoders of Z-Image and Qwen-Image are Qwen models, and Qwen speaks ChatML.
CHATML = """{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


class ChatTemplate:
    """One model's template. It comes out of a file from anywhere, so it runs in Jinja's sandbox."""

    def __init__(self, source: str, *, bos: str, eos: str) -> None:
        """`bos`, `eos`: the texts of the tokens that begin and end everything."""
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        # What templates expect since Hugging Face's transformers gives it to them.
        environment.filters["tojson"] = _to_json
        environment.globals.update(
            raise_exception=_raise_exception, strftime_now=lambda form: datetime.now().strftime(form)
        )
        self._fixed = {"bos_token": bos, "eos_token": eos, "add_generation_prompt": True}
        try:
            self._template = environment.from_string(source or CHATML)
        except TemplateError as error:
            raise LlmFailed(f"The model's chat template is broken: {error}") from None

    def render(self, messages: Sequence[Message]) -> str:
        """The conversation up to where the answer begins. Raises LlmFailed."""
        try:
            return self._render(messages)
        except TemplateError as error:
            # Some models know no system role: its text goes in front of the first user message.
            merged = _merge_system(messages)
            if len(merged) == len(messages):
                raise LlmFailed(f"The model's chat template refuses the conversation: {error}") from None
        try:
            return self._render(merged)
        except TemplateError as error:
            raise LlmFailed(f"The model's chat template refuses the conversation: {error}") from None

    def _render(self, messages: Sequence[Message]) -> str:
        rendered = [{"role": message.role, "content": message.content} for message in messages]
        # No reasoning before the answer: it takes a minute and is not shown.
        return self._template.render(messages=rendered, enable_thinking=False, **self._fixed)


def _merge_system(messages: Sequence[Message]) -> list[Message]:
    system = [message for message in messages if message.role == "system"]
    others = [message for message in messages if message.role != "system"]
    if not system or not others:
        return list(messages)
    first = others[0].model_copy(
        update={"content": "\n\n".join(message.content for message in (*system, others[0]))}
    )
    return [first, *others[1:]]


def _to_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)
