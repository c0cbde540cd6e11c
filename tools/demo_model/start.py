"""How the weights start: with the way from a word to the picture laid out.

Of the 256 text tokens some 240 are pads, and of the others one or two tell what to draw. From random weights
a patch gives that word a three hundredth of its attention, drowned in the noise of the picture: 20,000
pictures later a red heart was not yet red. Started as here, the model knows its subjects by then.

- The tokens of subjects and of colours carry a flag; in each block one head looks at flagged subjects only,
  one at flagged colours, and the first block has a second one for subjects.
- Tokens of one subject share a random code, which the first block adds to every patch at full strength.
- Nothing else is loud: noise enters at an eighth, and the text is not changed by later blocks.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from subjects import BACKGROUNDS, COLOURS, FORMS, SUBJECTS, ask
from tokens import Tokenizer
from torch import Tensor, nn
from twin import HEAD, DoubleBlock, Twin

FLAG = 4.0
SUBJECT, COLOUR = 0, 1  # the dimensions of the flags
LOUD = 8.0  # the length that the engine's norm gives a query or key of 64 numbers
NOISE_ENTERS_AT = 0.12


@dataclass(frozen=True)
class Words:
    """The rows of the embedding table that matter. A row of a subject: the subjects that it is part of."""

    subjects: dict[int, list[int]]
    colours: list[int]


def find_words(tokenizer: Tokenizer) -> Words:
    """By their use in prompts; what is in every prompt says nothing."""
    frames = [form.format("", a="") for form in FORMS] + [form.format("", "") for form in BACKGROUNDS]
    common = _rows(tokenizer, [*frames, "a an the on background with , . !"])
    colours = _rows(tokenizer, [text for colour in COLOURS for text in (colour, f"on {colour}")]) - common
    found = defaultdict(list)
    for number, words in enumerate(SUBJECTS.values()):
        asked = [text for word in words for text in (word, word.capitalize(), ask("{a}", word))]
        for row in _rows(tokenizer, asked) - common - colours:
            found[row].append(number)
    return Words(dict(found), sorted(colours))


def _rows(tokenizer: Tokenizer, texts: Iterable[str]) -> set[int]:
    return {row for text in texts for row in tokenizer(text)}


@torch.no_grad()
def start(twin: Twin, words: Words) -> None:
    """Fill in all weights; the generator of PyTorch decides them."""
    for name, p in twin.named_parameters():
        if p.dim() >= 2 and "shared" not in name and "mask_token" not in name:
            nn.init.xavier_uniform_(p.view(p.shape[0], -1))
        elif name.endswith("bias"):
            nn.init.zeros_(p)
    _start_words(twin, words)
    _start_text(twin)
    net = twin.net
    for i, block in enumerate(net.double_blocks):
        heads = {0: SUBJECT, 1: COLOUR, 2: SUBJECT} if i == 0 else {0: SUBJECT, 1: COLOUR}
        _look_at_words(block, net.txt_embedder.weight, heads)
        block.img_attn_proj.weight.mul_(0.4)
        block.img_mlp.w2.weight.mul_(0.5)
    _speak_up(net.double_blocks[0], net.txt_embedder.weight)
    net.img_embedder.proj1.weight.mul_(NOISE_ENTERS_AT)
    net.final_layer.linear.weight.zero_()
    net.final_layer.linear.bias.fill_(0.6)  # about the mean picture


def _start_words(twin: Twin, words: Words) -> None:
    table = twin.t5.shared.weight.normal_()
    codes = torch.randn(len(SUBJECTS), twin.sizes.t5_dim)
    for row, subjects in words.subjects.items():
        table[row] = codes[subjects].sum(0) / len(subjects) ** 0.5
    flags = torch.zeros(len(table), 2)
    flags[list(words.subjects), SUBJECT] = FLAG
    flags[words.colours, COLOUR] = FLAG
    table[:, :2] = flags
    twin.net.mask_token.normal_()[..., :2] = 0


def _start_text(twin: Twin) -> None:
    """The T5 nearly, all that follows exactly as if it were not there."""
    for block in twin.t5.encoder.block:
        attention, forward = block.layer
        attention.SelfAttention.q.weight.normal_(std=(twin.sizes.t5_dim * HEAD) ** -0.5)
        attention.SelfAttention.o.weight.mul_(0.3)
        forward.DenseReluDense.wo.weight.mul_(0.3)
    twin.t5.encoder.block[0].layer[0].SelfAttention.relative_attention_bias.weight.zero_()
    twin.net.txt_embedder.weight.copy_(_orthogonal(twin.sizes.hidden)[:, : twin.sizes.t5_dim])
    for block in twin.net.txt_preamble_blocks:
        block.attn_proj.weight.zero_()
        block.mlp.w2.weight.zero_()
    for block in twin.net.double_blocks:
        block.txt_attn_proj.weight.zero_()
        block.txt_mlp.w2.weight.zero_()


def _look_at_words(block: DoubleBlock, embedder: Tensor, flag_of_head: dict[int, int]) -> None:
    """These heads turn to tokens with a flag, and away from all others and from the picture."""
    width = len(embedder)
    there = torch.zeros(HEAD)
    there[28:32] = 0.5  # rotates least: the same direction at every position of text and picture
    for head, flag in flag_of_head.items():
        query, key = (slice(first + head * HEAD, first + (head + 1) * HEAD) for first in (0, width))
        block.img_qkv.weight[query] *= 0.1
        block.img_qkv.bias[query] = LOUD * there
        block.img_qkv.weight[key] *= 0.1
        block.img_qkv.bias[key] = -LOUD * there
        block.txt_qkv.weight[key] *= 0.3
        block.txt_qkv.weight[key] += 3 * there[:, None] * embedder[:, flag]
        block.txt_qkv.bias[key] = -LOUD * there


def _speak_up(block: DoubleBlock, embedder: Tensor) -> None:
    """The two heads for subjects add the whole code of the word, each a half, to every patch."""
    width, dim = embedder.shape
    block.img_attn_proj.weight.copy_(_orthogonal(width) * 1.5)
    halves = (embedder @ _orthogonal(dim)).T * 1.2
    for head, half in ((0, halves[:HEAD]), (2, halves[HEAD : 2 * HEAD])):
        block.txt_qkv.weight[2 * width + head * HEAD : 2 * width + (head + 1) * HEAD] = half


def _orthogonal(size: int) -> Tensor:
    return torch.linalg.qr(torch.randn(size, size))[0]
