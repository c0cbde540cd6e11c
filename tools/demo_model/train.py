"""Train the demo model. Started again with the same arguments, it goes on where its state was saved."""

import argparse
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from pictures import Batch, Pictures
from PIL import Image
from start import find_words, start
from subjects import all_prompts
from tokens import Tokenizer, used_in
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from twin import NOISE_SCALE, TEXT_TOKENS, DoubleBlock, Sizes, Twin, engine_noise, sample

PREVIEWS = (
    "a lovely cat", "pizza", "red heart", "elephant", "strawberry on a blue background", "happy face",
    "banana", "a photo of a penguin", "a dog", "a rocket on black", "car", "tree", "rainbow", "owl",
    "purple heart",
    "a tiger on pink",
)  # fmt: skip
SEED = 0
THREADS = 2
UNTOLD = 0.1  # share of pictures without their text, for classifier-free guidance
UNKNOWN_TOKENS = 0.015  # share of tokens that are unknown words
PADS = 4  # sampled positions that stand for the some 240 equal pads
WARM_UP = 200
SAVE_SECONDS, LOG_STEPS, PREVIEW_SECONDS = 240, 100, 300


@dataclass
class Recipe:
    """What is trained, and how."""

    sizes: Sizes = field(default_factory=Sizes)
    minutes: float = 34.0
    batch: int = 32
    rate: float = 1.5e-3
    steady: float = 0.45  # share of the time before the rate begins to fall
    average: float = 0.999


RECIPES = {
    # What is shipped: two cores with AVX-512 BF16, half of which other programs took.
    "cpu": Recipe(),
    # Not tried yet: 128 pixels, a wider network, about a hundred times the pictures.
    "gpu": Recipe(Sizes(image=128, pca=384, hidden=384, depth=6), minutes=22, batch=512, average=0.9995),
}


class Training:
    """A run: the weights, their average, and all that is needed to go on later."""

    def __init__(self, recipe: Recipe, data: Path, out: Path) -> None:
        torch.manual_seed(SEED)
        self.recipe, self.out = recipe, out
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.kept = used_in(data / "t5_tokenizer.json", all_prompts())
        recipe.sizes.vocabulary = len(self.kept)
        self.tokenizer = Tokenizer(data / "t5_tokenizer.json", self.kept)
        self.pictures = Pictures(data, recipe.sizes.image, self.tokenizer, SEED)
        self.twin, self.average = Twin(recipe.sizes), Twin(recipe.sizes)
        start(self.twin, find_words(self.tokenizer))
        self.average.load_state_dict(self.twin.state_dict())
        self.twin.to(self.device)
        self.average.to(self.device)
        self.optimizer = torch.optim.AdamW(
            self.twin.parameters(), lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True
        )
        self.rng = torch.Generator().manual_seed(SEED + 1)
        self.step, self.seconds = 0, 0.0
        self._resume()

    def run(self, until: float) -> None:
        """Train until the recipe's time is over, or this call has taken `until` minutes."""
        began, before = time.monotonic(), self.seconds
        saved = shown = self.seconds
        total, losses = self.recipe.minutes * 60, []
        while self.seconds < total and self.seconds - before < until * 60:
            losses.append(self._learn(self.seconds / total))
            self.seconds = before + time.monotonic() - began
            if self.step % LOG_STEPS == 0:
                print(
                    f"{self.step} {self.seconds / 60:.1f} min, loss {torch.stack(losses).mean():.4f}",
                    flush=True,
                )
                losses.clear()
            if self.seconds - saved > SAVE_SECONDS:
                self.save()
                saved = self.seconds
            if self.seconds - shown > PREVIEW_SECONDS:
                self.preview()
                shown = self.seconds
        self.save()
        self.preview()

    def _learn(self, part: float) -> Tensor:
        """One step; `part` of the time is over."""
        recipe = self.recipe
        falling = 1.0 if part < recipe.steady else 0.02 + 0.98 * (1 - part) / (1 - recipe.steady)
        self.optimizer.param_groups[0]["lr"] = recipe.rate * min(1, (self.step + 1) / WARM_UP) * falling
        loss = loss_of(self.twin, self.pictures.batch(recipe.batch), self.rng, self.device)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.twin.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        keep = min(recipe.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.twin.parameters()), 1 - keep)
        return loss.detach()

    def _resume(self) -> None:
        path = self.out / "state.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=False)
        self.twin.load_state_dict(state["twin"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.rng.set_state(state["rng"])
        self.pictures.rng.setstate(state["chance"])
        self.step, self.seconds = state["step"], state["seconds"]
        print(f"going on at step {self.step}, after {self.seconds / 60:.1f} min", flush=True)

    def save(self) -> None:
        state = {
            "twin": self.twin.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "rng": self.rng.get_state(),
            "chance": self.pictures.rng.getstate(),
            "step": self.step,
            "seconds": self.seconds,
            "kept": self.kept,
            "sizes": asdict(self.recipe.sizes),
        }
        unfinished = self.out / "state.pt.part"
        torch.save(state, unfinished)
        unfinished.replace(self.out / "state.pt")

    def preview(self) -> None:
        """What the averaged weights draw now."""
        ids, mask = self.tokenizer.batch(list(PREVIEWS), TEXT_TOKENS)
        noise = torch.stack([engine_noise(i + 1, self.recipe.sizes.image) for i in range(len(PREVIEWS))])
        pictures = sample(self.average, *(t.to(self.device) for t in (ids, mask, noise)), steps=12).cpu()
        rows = [torch.cat(list(pictures[i : i + 8]), 2) for i in range(0, len(pictures), 8)]
        sheet = (torch.cat(rows, 1).permute(1, 2, 0) * 255).round().byte().numpy()
        Image.fromarray(sheet).save(self.out / f"{self.step:06d}.png")


def loss_of(twin: Twin, batch: Batch, rng: torch.Generator, device: str) -> Tensor:
    """The error of the predicted pictures, weighed as that of a velocity, with a bound."""
    ids, mask, places, weights = with_pads(batch, rng)
    told = (torch.rand(len(ids), 1, generator=rng) >= UNTOLD).float()
    t = times(len(ids), rng)
    x = t * batch.pictures + (1 - t) * NOISE_SCALE * torch.randn(batch.pictures.shape, generator=rng)
    importance = 1 / (1 - t).clamp(min=0.4) ** 2
    ids, mask, places, weights, told, x, importance, pictures = (
        part.to(device) for part in (ids, mask, places, weights, told, x, importance, batch.pictures)
    )
    with torch.autocast(device, torch.bfloat16):
        states = F.pad(twin.t5(ids, mask), (0, 0, 0, PADS))
        out = twin.net(x, states, F.pad(mask * told, (0, PADS)), places, weights)
    return ((out.float() - pictures) ** 2 * importance).mean()


def times(count: int, rng: torch.Generator) -> Tensor:
    """How much of each picture is to be seen, 0 to 1.

    Two fifths see next to nothing: there the words alone decide, and that is what takes longest to learn.
    """
    t = torch.sigmoid(torch.randn(count, 1, 1, 1, generator=rng) * 1.2 + 0.2)
    blind = count * 2 // 5
    t[:blind] = torch.rand(blind, 1, 1, 1, generator=rng) * 0.2
    return t


def with_pads(batch: Batch, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Ids, mask, positions and log weights: real tokens as they are, and PADS pads that stand for all."""
    count, words = batch.ids.shape
    ids = batch.ids.masked_fill(torch.rand(batch.ids.shape, generator=rng) < UNKNOWN_TOKENS, 0)
    each = (TEXT_TOKENS - words) / PADS
    places = words + ((torch.arange(PADS) + torch.rand(count, PADS, generator=rng)) * each).floor()
    places = torch.cat([torch.arange(words)[None].expand(count, -1).float(), places], 1)
    weights = torch.cat([torch.zeros(count, words), torch.full((count, PADS), math.log(each))], 1)
    return ids, batch.mask, places, weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--out", type=Path, default=Path("run"))
    parser.add_argument("--recipe", choices=RECIPES, default="cpu")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="stop after this time, to go on later"
    )
    given = parser.parse_args()
    torch.set_num_threads(THREADS)
    DoubleBlock.text_stands_still = True
    given.out.mkdir(parents=True, exist_ok=True)
    Training(RECIPES[given.recipe], given.data, given.out).run(given.minutes)


if __name__ == "__main__":
    main()
