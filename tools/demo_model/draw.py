"""Draw the prompts of prompts.py with the engine, each with a seed of its own."""

import argparse
from pathlib import Path

from cyllama.sd import RngType, SampleMethod, SDContext, SDContextParams, Upscaler
from prompts import CFG, PROMPTS, SEED, SIZE, STEPS, picture_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("upscaler", type=Path)
    parser.add_argument("out", type=Path, help="a folder")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    params = SDContextParams()
    params.model_path, params.n_threads = str(given.model), 2
    params.rng_type = params.sampler_rng_type = RngType.CPU
    context, larger = SDContext(params), Upscaler(str(given.upscaler))
    for number, prompt in enumerate(PROMPTS):
        (small,) = context.generate(
            prompt,
            width=SIZE,
            height=SIZE,
            seed=SEED + number,
            sample_steps=STEPS,
            cfg_scale=CFG,
            sample_method=SampleMethod.EULER,
        )
        larger.upscale(small, 4).save(str(picture_of(given.out, number)))


if __name__ == "__main__":
    main()
