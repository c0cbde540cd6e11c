"""Train the x4 upscaler: an RRDBNet of one block, from pictures of 64 pixels to their originals of 256.

Half of what it sees is what the demo model makes of a noisy picture, so that it also learns to mend that
model's faults: seams between patches above all.
"""

import argparse
import random
import time
from pathlib import Path

import numpy as np
import torch
from export import load
from pictures import placed
from safetensors.torch import load_file, save_file
from subjects import COLOURS, FORMS, SUBJECTS, ask
from tokens import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from twin import NOISE_SCALE, TEXT_TOKENS, DoubleBlock, Twin

WIDTH, GROWTH = 64, 32  # fixed in the engine
CROP, BATCH = 24, 8
PAIRS, KEPT_FOR = 16, 16  # so many pictures are used for so many steps


class DenseBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for i in range(5):
            out = WIDTH if i == 4 else GROWTH
            self.add_module(f"conv{i + 1}", nn.Conv2d(WIDTH + i * GROWTH, out, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        known = [x]
        for i in range(4):
            known.append(F.leaky_relu(getattr(self, f"conv{i + 1}")(torch.cat(known, 1)), 0.2))
        return x + 0.2 * self.conv5(torch.cat(known, 1))


class ResidualBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = DenseBlock(), DenseBlock(), DenseBlock()

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.2 * self.rdb3(self.rdb2(self.rdb1(x)))


class RRDBNet(nn.Module):
    def __init__(self, blocks: int = 1) -> None:
        super().__init__()
        self.conv_first = nn.Conv2d(3, WIDTH, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock() for _ in range(blocks)))
        self.conv_body, self.conv_up1, self.conv_up2, self.conv_hr = (
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1) for _ in range(4)
        )
        self.conv_last = nn.Conv2d(WIDTH, 3, 3, padding=1)
        self.start()

    @torch.no_grad()
    def start(self) -> None:
        """As plain interpolation: three channels carry the colours, the others learn what is missing."""
        smooth = torch.tensor([1.0, 2.0, 1.0]) / 4
        dot = torch.tensor([0.0, 1.0, 0.0])
        kernels = {self.conv_up1: smooth, self.conv_up2: smooth}
        for layer in (self.conv_first, self.conv_up1, self.conv_up2, self.conv_hr, self.conv_last):
            kernel = kernels.get(layer, dot)
            layer.bias.zero_()
            layer.weight[:3] = 0
            for c in range(3):
                layer.weight[c, c] = kernel[:, None] * kernel[None]
        self.conv_last.weight[:, 3:] *= 0.01
        self.conv_body.weight *= 0.1
        self.conv_body.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_first(x)
        x = x + self.conv_body(self.body(x))
        for layer in (self.conv_up1, self.conv_up2):
            x = F.leaky_relu(layer(F.interpolate(x, scale_factor=2, mode="nearest")), 0.2)
        return self.conv_last(F.leaky_relu(self.conv_hr(x), 0.2))


def pair(originals: np.ndarray, rng: random.Random) -> tuple[np.ndarray, np.ndarray, str]:
    """A picture at 64 and at 256 pixels on a plain ground (0..1), and a prompt for it."""
    subject, colour = rng.randrange(len(originals)), rng.choice(["white", "white", *COLOURS])
    scale, shift = rng.uniform(0.9, 1.0), (4 * rng.randint(-2, 2), 4 * rng.randint(-2, 2))
    large = placed(originals[subject], 256, scale, shift).astype(np.float32) / 255
    large = large[..., :3] + np.array(COLOURS[colour], np.float32) / 255 * (1 - large[..., 3:])
    whole = torch.from_numpy(large).permute(2, 0, 1)[None]
    small = F.interpolate(whole, size=(64, 64), mode="bicubic", antialias=True)
    word = rng.choice(list(SUBJECTS.values())[subject])
    prompt = ask(rng.choice(FORMS), word) if colour == "white" else f"{ask('{a}', word)} on {colour}"
    return small[0].clamp(0, 1).numpy(), large.transpose(2, 0, 1), prompt


@torch.no_grad()
def as_drawn(
    twin: Twin, tokenizer: Tokenizer, pictures: Tensor, prompts: list[str], rng: torch.Generator
) -> Tensor:
    """What the demo model takes these pictures for when it sees them with noise."""
    ids, mask = tokenizer.batch(prompts, TEXT_TOKENS)
    t = torch.rand(len(prompts), 1, 1, 1, generator=rng) * 0.6 + 0.35
    x = t * (pictures * 2 - 1) + (1 - t) * NOISE_SCALE * torch.randn(pictures.shape, generator=rng)
    with torch.autocast("cpu", torch.bfloat16):
        out = twin.net(x, twin.t5(ids, mask), mask, torch.arange(TEXT_TOKENS)[None])
    return ((out.float() + 1) / 2).clamp(0, 1)


def cut(small: Tensor, large: Tensor, rng: random.Random) -> tuple[Tensor, Tensor]:
    y, x = (rng.randrange(64 - CROP + 1) for _ in range(2))
    return small[:, y : y + CROP, x : x + CROP], large[:, 4 * y : 4 * (y + CROP), 4 * x : 4 * (x + CROP)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path, help="the trained demo model")
    parser.add_argument("out", type=Path, help="where it is there already, it is trained on")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--minutes", type=float, default=8)
    given = parser.parse_args()
    torch.set_num_threads(2)
    DoubleBlock.text_stands_still = True
    torch.manual_seed(0)
    chance, rng = random.Random(0), torch.Generator().manual_seed(0)
    originals = np.load(given.data / "pictures.npz")["p256"]
    twin, kept = load(given.state)
    tokenizer = Tokenizer(given.data / "t5_tokenizer.json", kept)
    net = RRDBNet()
    if given.out.exists():
        net.load_state_dict({name: value.float() for name, value in load_file(given.out).items()})
    net = net.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-4, betas=(0.9, 0.98), weight_decay=0)
    began, step, losses = time.time(), 0, []
    while (part := (time.time() - began) / 60 / given.minutes) < 1:
        if step % KEPT_FOR == 0:
            pairs = [pair(originals, chance) for _ in range(PAIRS)]
            small, large = (torch.from_numpy(np.stack([p[i] for p in pairs])) for i in (0, 1))
            small[::2] = as_drawn(twin, tokenizer, small[::2], [p[2] for p in pairs[::2]], rng)
        chosen = [cut(small[i], large[i], chance) for i in (chance.randrange(PAIRS) for _ in range(BATCH))]
        x, y = (torch.stack([c[i] for c in chosen]) for i in (0, 1))
        x = x.contiguous(memory_format=torch.channels_last)
        optimizer.param_groups[0]["lr"] = 5e-4 * min(1, (step + 1) / 20) * min(1, 2.02 - 2 * part)
        with torch.autocast("cpu", torch.bfloat16):
            out = net(x)
        loss = (out.float() - y).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        step += 1
        if step % 100 == 0:
            start = (F.interpolate(x, scale_factor=4, mode="bicubic") - y).abs().mean()
            print(f"{step} loss {np.mean(losses[-100:]):.4f}, bicubic about {start:.4f}", flush=True)
    save_file({name: value.half().contiguous() for name, value in net.state_dict().items()}, given.out)


if __name__ == "__main__":
    main()
