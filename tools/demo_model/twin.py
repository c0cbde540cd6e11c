"""The model in PyTorch, computed as stable-diffusion.cpp computes MiniT2I with its T5 encoder.

Parameter names are the engine's tensor names: `net.*` is `model.diffusion_model.model.net.*`, `t5.*` is
`text_encoders.t5xxl.transformer.*`.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

# Fixed in the engine: its text conditioner, its MiniT2I denoiser, its tokenizer.
TEXT_TOKENS = 256
NOISE_SCALE = 2.0
VOCABULARY = 32128
# The engine takes the number of heads as width / 64.
HEAD = 64


@dataclass
class Sizes:
    """The engine reads all but `image` from the tensors. The text is as wide as the picture (`hidden`)."""

    image: int = 64
    patch: int = 16
    pca: int = 256
    hidden: int = 256
    depth: int = 5
    preamble: int = 1
    t5_dim: int = 128
    t5_layers: int = 1
    t5_ff: int = 256
    vocabulary: int = VOCABULARY

    @property
    def heads(self) -> int:
        return self.hidden // HEAD

    @property
    def side(self) -> int:
        return self.image // self.patch


class RMSNorm(nn.Module):
    """As in T5 and Llama: no mean, no bias."""

    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), 1e-6)


class SwiGLU(nn.Module):
    """The gated network after each attention."""

    def __init__(self, width: int):
        super().__init__()
        inner = (int(width * 2.6667) + 7) // 8 * 8  # the engine's rounding
        self.w1 = nn.Linear(width, inner, bias=False)
        self.w3 = nn.Linear(width, inner, bias=False)
        self.w2 = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


def rotate(x: Tensor, angles: tuple[Tensor, ...]) -> Tensor:
    cos, sin = angles
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def grid(side: int) -> tuple[Tensor, Tensor]:
    y, x = torch.meshgrid(torch.arange(side).float(), torch.arange(side).float(), indexing="ij")
    return y.reshape(-1, 1), x.reshape(-1, 1)


def text_angles(positions: Tensor) -> Tensor:
    return positions[..., None].float() * (10000.0 ** (-torch.arange(0, HEAD, 2).float() / HEAD))


def picture_angles(side: int) -> Tensor:
    rates = 10000.0 ** (-2.0 * torch.arange(HEAD // 4).float() / (HEAD // 2))
    y, x = grid(side)
    return torch.cat([y * rates, x * rates], -1)


def picture_positions(side: int, width: int) -> Tensor:
    rates = 10000.0 ** (-torch.arange(width // 4).float() / (width // 4))
    y, x = grid(side)
    return torch.cat([(y * rates).sin(), (y * rates).cos(), (x * rates).sin(), (x * rates).cos()], -1)


def attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    # in float32 also where the rest is bfloat16: on a CPU the backward pass is five times faster
    with torch.autocast(q.device.type, enabled=False):
        out = F.scaled_dot_product_attention(q.float(), k.float(), v.float(), attn_mask=bias)
    return out.transpose(1, 2).flatten(2)


def split_heads(qkv: Tensor, q_norm: RMSNorm, k_norm: RMSNorm) -> tuple[Tensor, Tensor, Tensor]:
    q, k, v = qkv.unflatten(-1, (3, -1, HEAD)).unbind(2)
    return q_norm(q).transpose(1, 2), k_norm(k).transpose(1, 2), v.transpose(1, 2)


class TextBlock(nn.Module):
    """A block for the text alone, before it meets the picture."""

    def __init__(self, width: int):
        super().__init__()
        self.norm1, self.norm2 = RMSNorm(width), RMSNorm(width)
        self.qkv, self.attn_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp, self.q_norm, self.k_norm = SwiGLU(width), RMSNorm(HEAD), RMSNorm(HEAD)

    def forward(self, x: Tensor, angles: tuple[Tensor, ...], bias: Tensor | None) -> Tensor:
        q, k, v = split_heads(self.qkv(self.norm1(x)), self.q_norm, self.k_norm)
        x = x + self.attn_proj(attention(rotate(q, angles), rotate(k, angles), v, bias))
        return x + self.mlp(self.norm2(x))


class DoubleBlock(nn.Module):
    """Picture and text attend to each other, each with weights of its own."""

    text_stands_still = False
    """For training: the weights that would change the text are zero and stay so. Saves half the work."""

    def __init__(self, width: int):
        super().__init__()
        self.img_norm1, self.img_norm2 = RMSNorm(width), RMSNorm(width)
        self.txt_norm1, self.txt_norm2 = RMSNorm(width), RMSNorm(width)
        self.img_qkv, self.txt_qkv = nn.Linear(width, 3 * width), nn.Linear(width, 3 * width)
        self.q_norm, self.k_norm = RMSNorm(HEAD), RMSNorm(HEAD)
        self.img_attn_proj, self.txt_attn_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.img_mlp, self.txt_mlp = SwiGLU(width), SwiGLU(width)

    def forward(
        self, img: Tensor, txt: Tensor, angles: tuple[Tensor, ...], bias: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        text = split_heads(self.txt_qkv(self.txt_norm1(txt)), self.q_norm, self.k_norm)
        image = split_heads(self.img_qkv(self.img_norm1(img)), self.q_norm, self.k_norm)
        words = txt.shape[1]
        k, v = rotate(torch.cat([text[1], image[1]], 2), angles), torch.cat([text[2], image[2]], 2)
        if self.text_stands_still:
            of_picture = tuple(part[:, :, words:] for part in angles)
            img = img + self.img_attn_proj(attention(rotate(image[0], of_picture), k, v, bias))
            return img + self.img_mlp(self.img_norm2(img)), txt
        out = attention(rotate(torch.cat([text[0], image[0]], 2), angles), k, v, bias)
        img = img + self.img_attn_proj(out[:, words:])
        txt = txt + self.txt_attn_proj(out[:, :words])
        return img + self.img_mlp(self.img_norm2(img)), txt + self.txt_mlp(self.txt_norm2(txt))


class PatchEmbedding(nn.Module):
    """From pixels to one vector for each patch."""

    def __init__(self, sizes: Sizes):
        super().__init__()
        self.proj1 = nn.Conv2d(3, sizes.pca, sizes.patch, sizes.patch, bias=False)
        self.proj2 = nn.Conv2d(sizes.pca, sizes.hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj2(self.proj1(x)).flatten(2).transpose(1, 2)


class FinalLayer(nn.Module):
    """From vectors to the pixels of their patches."""

    def __init__(self, sizes: Sizes):
        super().__init__()
        self.norm_final = RMSNorm(sizes.hidden)
        self.linear = nn.Linear(sizes.hidden, sizes.patch * sizes.patch * 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.norm_final(x))


class Net(nn.Module):
    """Predicts the clean picture from a noisy one and the text; there is no time input."""

    positions: Tensor
    angles: Tensor

    def __init__(self, sizes: Sizes):
        super().__init__()
        self.sizes = sizes
        self.img_embedder = PatchEmbedding(sizes)
        self.txt_embedder = nn.Linear(sizes.t5_dim, sizes.hidden, bias=False)
        self.txt_preamble_blocks = nn.ModuleList(TextBlock(sizes.hidden) for _ in range(sizes.preamble))
        self.double_blocks = nn.ModuleList(DoubleBlock(sizes.hidden) for _ in range(sizes.depth))
        self.final_layer = FinalLayer(sizes)
        self.mask_token = nn.Parameter(torch.randn(1, 1, sizes.t5_dim))
        self.register_buffer("positions", picture_positions(sizes.side, sizes.hidden), persistent=False)
        self.register_buffer("angles", picture_angles(sizes.side), persistent=False)

    def forward(
        self, x: Tensor, states: Tensor, mask: Tensor, places: Tensor, weights: Tensor | None = None
    ) -> Tensor:
        """x: B,3,S,S; states: B,L,D of the T5; mask: B,L, 1 for a real token; places: B,L in the text.

        weights (B,L) is for training only: the logarithm of how many equal tokens one stands for.
        """
        states = states * mask[..., None] + self.mask_token * (1 - mask[..., None])
        img = self.img_embedder(x) + self.positions
        txt = self.txt_embedder(states)
        words = text_angles(places)
        joint = torch.cat([words, self.angles.expand(words.shape[0], -1, -1)], 1)
        text_rotation = words.cos()[:, None], words.sin()[:, None]
        rotation = joint.cos()[:, None], joint.sin()[:, None]
        text_bias = bias = None
        if weights is not None:
            text_bias = weights[:, None, None].float()
            bias = F.pad(weights, (0, img.shape[1]))[:, None, None].float()
        if not DoubleBlock.text_stands_still:
            for block in self.txt_preamble_blocks:
                txt = block(txt, text_rotation, text_bias)
        for block in self.double_blocks:
            img, txt = block(img, txt, rotation, bias)
        return self.unpatch(self.final_layer(img))

    def unpatch(self, patches: Tensor) -> Tensor:
        s = self.sizes
        cells = patches.unflatten(-1, (s.patch, s.patch, 3)).unflatten(1, (s.side, s.side))
        return cells.permute(0, 5, 1, 3, 2, 4).reshape(-1, 3, s.image, s.image)


def buckets(length: int) -> Tensor:
    """The T5's relative position buckets: 32, both directions, up to a distance of 128."""
    place = torch.arange(length)
    relative = place[None] - place[:, None]
    distance = relative.abs()
    far = 8 + (torch.log(distance.clamp(min=1).float() / 8) / math.log(16) * 8).long()
    return (relative > 0).long() * 16 + torch.where(distance < 8, distance, far.clamp(max=15))


class T5Attention(nn.Module):
    """Without T5's usual scale; the position's bias is in the first layer."""

    def __init__(self, sizes: Sizes, first: bool):
        super().__init__()
        self.heads = sizes.t5_dim // HEAD
        inner = self.heads * HEAD
        self.q, self.k, self.v = (nn.Linear(sizes.t5_dim, inner, bias=False) for _ in range(3))
        self.o = nn.Linear(inner, sizes.t5_dim, bias=False)
        if first:
            self.relative_attention_bias = nn.Embedding(32, self.heads)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        q, k, v = (m(x).unflatten(-1, (self.heads, HEAD)).transpose(1, 2) for m in (self.q, self.k, self.v))
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype), scale=1.0)
        return self.o(out.transpose(1, 2).flatten(2))


class T5FeedForward(nn.Module):
    """Gated GELU."""

    def __init__(self, sizes: Sizes):
        super().__init__()
        self.wi_0 = nn.Linear(sizes.t5_dim, sizes.t5_ff, bias=False)
        self.wi_1 = nn.Linear(sizes.t5_dim, sizes.t5_ff, bias=False)
        self.wo = nn.Linear(sizes.t5_ff, sizes.t5_dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.wo(F.gelu(self.wi_0(x), approximate="tanh") * self.wi_1(x))


class T5AttentionLayer(nn.Module):
    """Named as in T5."""

    def __init__(self, sizes: Sizes, first: bool):
        super().__init__()
        self.SelfAttention, self.layer_norm = T5Attention(sizes, first), RMSNorm(sizes.t5_dim)


class T5FeedForwardLayer(nn.Module):
    """Named as in T5."""

    def __init__(self, sizes: Sizes):
        super().__init__()
        self.DenseReluDense, self.layer_norm = T5FeedForward(sizes), RMSNorm(sizes.t5_dim)


class T5Block(nn.Module):
    """Attention, then a gated network."""

    def __init__(self, sizes: Sizes, first: bool):
        super().__init__()
        self.layer = nn.ModuleList([T5AttentionLayer(sizes, first), T5FeedForwardLayer(sizes)])


class T5Stack(nn.Module):
    """The encoder."""

    def __init__(self, sizes: Sizes):
        super().__init__()
        self.block = nn.ModuleList(T5Block(sizes, i == 0) for i in range(sizes.t5_layers))
        self.final_layer_norm = RMSNorm(sizes.t5_dim)


class T5(nn.Module):
    """Text to states."""

    def __init__(self, sizes: Sizes):
        super().__init__()
        self.shared = nn.Embedding(sizes.vocabulary, sizes.t5_dim)
        self.encoder = T5Stack(sizes)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        x = self.shared(ids)
        first = self.encoder.block[0].layer[0].SelfAttention
        bias = first.relative_attention_bias(buckets(ids.shape[1])).permute(2, 0, 1)[None]
        bias = bias + torch.zeros_like(mask)[:, None, None].masked_fill(mask[:, None, None] == 0, -1e9)
        for block in self.encoder.block:
            attention, forward = block.layer
            x = x + attention.SelfAttention(attention.layer_norm(x), bias)
            x = x + forward.DenseReluDense(forward.layer_norm(x))
        return self.encoder.final_layer_norm(x)


class Twin(nn.Module):
    """Both networks."""

    def __init__(self, sizes: Sizes):
        super().__init__()
        self.sizes, self.net, self.t5 = sizes, Net(sizes), T5(sizes)


@torch.no_grad()
def sample(twin: Twin, ids: Tensor, mask: Tensor, noise: Tensor, steps: int = 16, cfg: float = 2.0) -> Tensor:
    """Pictures in 0..1, by the engine's Euler loop: sigma goes from 1 to 0 in equal steps.

    The text must have all its 256 tokens.
    """
    states, places = twin.t5(ids, mask), torch.arange(ids.shape[1])[None]
    x = noise * NOISE_SCALE
    for i in range(steps):
        clean = twin.net(x, states, mask, places)
        if cfg != 1.0:
            other = twin.net(x, states, mask * 0, places)
            clean = other + cfg * (clean - other)
        x = x + (x - clean) / (1 - i / steps) * (-1 / steps)
    return ((x + 1) / 2).clamp(0, 1)


def engine_noise(seed: int, size: int) -> Tensor:
    """The noise that the engine draws with its `cpu` generator, which is PyTorch's."""
    return torch.randn(3, size, size, generator=torch.Generator().manual_seed(seed))
