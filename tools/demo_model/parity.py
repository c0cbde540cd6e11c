"""Write what the twin draws, for tests/server/demo to compare the engine with."""

import argparse
from pathlib import Path

import torch
from export import load
from PIL import Image
from tokens import Tokenizer
from twin import TEXT_TOKENS, engine_noise, sample

# The test uses the same.
PROMPT, SEED, STEPS, CFG = "a red heart, two  cats & pizza on blue!", 42, 3, 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, default=Path("data"))
    given = parser.parse_args()
    twin, kept = load(given.state)
    tokenizer = Tokenizer(given.data / "t5_tokenizer.json", kept)
    noise = engine_noise(SEED, twin.sizes.image)[None]
    (picture,) = sample(twin, *tokenizer.batch([PROMPT], TEXT_TOKENS), noise, STEPS, CFG)
    pixels = (picture.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    Image.fromarray(pixels).save(given.out)


if __name__ == "__main__":
    main()
