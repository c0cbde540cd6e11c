"""Draw the prompts of prompts.py with the engine, each with a seed of its own."""

import argparse
from pathlib import Path

from cyllama.sd import RngType, SampleMethod, SDContext, SDContextParams
from prompts import CFG, PROMPTS, SEED, SIZE, STEPS, picture_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path, help="a folder")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    params = SDContextParams()
    params.model_path, params.n_threads = str(given.model), given.threads
    params.rng_type = params.sampler_rng_type = RngType.CPU
    context = SDContext(params)
    for number, prompt in enumerate(PROMPTS):
        (picture,) = context.generate(
            prompt,
            width=SIZE,
            height=SIZE,
            seed=SEED + number,
            sample_steps=STEPS,
            cfg_scale=CFG,
            sample_method=SampleMethod.EULER,
        )
        picture.save(str(picture_of(given.out, number)))


if __name__ == "__main__":
    main()
