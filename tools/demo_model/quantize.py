"""Turn the exported safetensors file into a GGUF of 8 bits, with the engine."""

import argparse
from pathlib import Path

from cyllama.sd import SDType, convert_model

# As in export.py; the engine's own conversion would make them smaller too.
EXACT = "mask_token=f32,norm=f32,relative_attention_bias=f32"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    if not convert_model(str(given.source), str(given.out), output_type=SDType.Q8_0, tensor_type_rules=EXACT):
        raise SystemExit("the engine could not convert it")


if __name__ == "__main__":
    main()
