"""From messages to a model's own text, and from its text to the answer."""

import pytest

from sdcpp_restapi.errors import LlmFailed
from sdcpp_restapi.llm.local.child.chat_template import ChatTemplate
from sdcpp_restapi.llm.reasoning_filter import ReasoningFilter, strip_reasoning
from sdcpp_restapi.schemas.chat import Message

SYSTEM = Message(role="system", content="Be kind.")
USER = Message(role="user", content="Hello")
# Gemma 2's, in short: it knows no system role, and writes the first token itself.
GEMMA = """{{ bos_token }}{% for message in messages %}{% if message.role == 'system' %}
{{ raise_exception('System role not supported') }}{% endif %}
<{{ message.role }}>{{ message.content | trim }}{% endfor %}
{% if add_generation_prompt %}<model>{% endif %}"""


def test_a_file_without_a_template_is_spoken_to_in_chatml() -> None:
    assert ChatTemplate("", bos="<s>", eos="</s>").render([SYSTEM, USER]) == (
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_model_without_a_system_role_hears_it_from_the_user() -> None:
    assert (
        ChatTemplate(GEMMA, bos="<s>", eos="</s>").render([SYSTEM, USER])
        == "<s><user>Be kind.\n\nHello<model>"
    )


def test_models_that_think_are_told_not_to() -> None:
    source = "{% if not enable_thinking %}<think></think>{% endif %}{{ messages | tojson }}"
    rendered = ChatTemplate(source, bos="", eos="").render([USER])
    assert rendered == '<think></think>[{"role": "user", "content": "Hello"}]'


def test_templates_know_the_day() -> None:
    assert ChatTemplate("{{ strftime_now('%Y') }}", bos="", eos="").render([USER]).isdigit()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{% if %}", "template is broken"),
        ("{{ raise_exception('roles must alternate') }}", "refuses the conversation: roles must alternate"),
        ("{{ messages.__class__.__mro__ }}", "refuses the conversation: access to attribute"),
        ("{{ nothing.at.all }}", "refuses the conversation: 'nothing' is undefined"),
    ],
)
def test_a_template_that_cannot_be_used_says_why(source: str, words: str) -> None:
    with pytest.raises(LlmFailed, match=words):
        ChatTemplate(source, bos="", eos="").render([SYSTEM, USER])


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("a cat", "a cat"),
        ("<think>Hmm, a cat</think>\n\na cat", "a cat"),
        ("\n<think>\n\n</think>\n\na cat", "a cat"),
        ("a < b", "a < b"),
        ("<thing> a cat", "<thing> a cat"),
        ("<think>and never an end", ""),
    ],
)
def test_thoughts_are_taken_out_whole_or_in_pieces(said: str, answer: str) -> None:
    assert strip_reasoning(said) == answer
    for size in (1, 3, 100):
        reasoning = ReasoningFilter()
        pieces = [reasoning.pass_on(said[i : i + size]) for i in range(0, len(said), size)]
        assert "".join(pieces) == answer


def test_thoughts_that_the_template_began_are_taken_out_too() -> None:
    assert strip_reasoning("Hmm, a cat</think>a cat") == "a cat"
