"""Score the pictures that draw.py made, and put them on one sheet."""

import argparse
import random
from pathlib import Path

import numpy as np
import torch
from pictures import Pictures
from PIL import Image, ImageDraw
from prompts import PROMPTS, SIZE, picture_of
from subjects import COLOURS, SUBJECTS, all_prompts
from tokens import Tokenizer, used_in
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

COLUMNS = 8
NAMES = [words[0] for words in SUBJECTS.values()]


def sheet(pictures: list[Image.Image], side: int = 128) -> Image.Image:
    """All of them with their prompts."""
    rows = -(-len(pictures) // COLUMNS)
    out = Image.new("RGB", (COLUMNS * side, rows * (side + 14)), "white")
    pen = ImageDraw.Draw(out)
    for i, (picture, prompt) in enumerate(zip(pictures, PROMPTS, strict=True)):
        x, y = i % COLUMNS * side, i // COLUMNS * (side + 14)
        out.paste(picture.resize((side, side), Image.Resampling.BICUBIC), (x, y))
        pen.text((x + 2, y + side), prompt[:22], fill="black", font_size=10)
    return out


def as_tensor(picture: Image.Image) -> Tensor:
    pixels = np.asarray(picture.convert("RGB")).astype(np.float32)
    return torch.from_numpy(pixels / 127.5 - 1).permute(2, 0, 1)


def rank_by_pixels(drawn: Tensor, originals: np.ndarray) -> list[int]:
    """How many subjects are nearer to the picture than the one asked for, on the same ground."""
    small = lambda x: F.interpolate(x, size=(32, 32), mode="area").flatten(1)  # noqa: E731
    art = torch.from_numpy(originals).float().permute(0, 3, 1, 2) / 255
    ranks = []
    for picture, (word, colour) in zip(drawn, PROMPTS.values(), strict=True):
        ground = torch.tensor(COLOURS[colour])[None, :, None, None] / 255
        known = (art[:, :3] + ground * (1 - art[:, 3:])) * 2 - 1
        distance = torch.cdist(small(picture[None]), small(known))[0]
        ranks.append(int((distance < distance[NAMES.index(word)]).sum()))
    return ranks


def classifier(pictures: Pictures, steps: int = 300) -> nn.Module:
    """A small network that names the subject of a picture, trained on the training pictures."""
    layers: list[nn.Module] = []
    for width, out in ((3, 32), (32, 64), (64, 96), (96, 128)):
        layers += [nn.Conv2d(width, out, 3, 2, 1), nn.BatchNorm2d(out), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(128 * 16, len(SUBJECTS)))
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 2e-3 * (1 - step / steps)
        batch, subjects = pictures.named_batch(32)
        noisy = batch.pictures + torch.randn(batch.pictures.shape) * random.uniform(0, 0.3)
        loss = F.cross_entropy(net(noisy), torch.tensor(subjects))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("drawn", type=Path, help="the folder")
    parser.add_argument("out", type=Path, help="the sheet, e.g. sheet.webp")
    parser.add_argument("--data", type=Path, default=Path("data"))
    given = parser.parse_args()
    torch.manual_seed(0)
    random.seed(0)
    drawn = [Image.open(picture_of(given.drawn, number)) for number in range(len(PROMPTS))]
    sheet(drawn).save(given.out, quality=80, method=6)
    tensors = torch.stack([as_tensor(picture) for picture in drawn])
    ranks = rank_by_pixels(tensors, np.load(given.data / "pictures.npz")["p128"])
    vocabulary = given.data / "t5_tokenizer.json"
    tokenizer = Tokenizer(vocabulary, used_in(vocabulary, all_prompts()))
    named = classifier(Pictures(given.data, SIZE, tokenizer, 1))(tensors).argmax(1).tolist()
    wrong = [
        f"{prompt}: looks like {NAMES[name]}, rank {rank}"
        for (prompt, (word, _)), name, rank in zip(PROMPTS.items(), named, ranks, strict=True)
        if NAMES[name] != word or rank > 0
    ]
    right = sum(NAMES[name] == word for name, (word, _) in zip(named, PROMPTS.values(), strict=True))
    print(f"nearest picture: top-1 {ranks.count(0)}, top-5 {sum(r < 5 for r in ranks)} of {len(ranks)}")
    print(f"classifier: {right} of {len(ranks)}", *wrong, sep="\n")


if __name__ == "__main__":
    main()
