"""Write the LoRA `noir`: black and white, computed from the demo model's last layer instead of trained.

Grey is a linear change of a patch's colours, so it is a change of the weights that make them; what it changes
most is kept as a matrix of low rank.
"""

import argparse
from pathlib import Path

import torch
from export import load
from safetensors.torch import save_file
from torch import Tensor

LAYER = "diffusion_model.model.net.final_layer.linear"
RANK = 64
GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601


def change(weight: Tensor) -> Tensor:
    """What makes the layer's colours (its rows are pixels times three channels) grey."""
    colours = weight.unflatten(0, (-1, 3))
    grey = torch.einsum("c,pcw->pw", torch.tensor(GREY), colours)
    return (grey[:, None] - colours).flatten(0, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    twin, _ = load(given.state)
    weight = twin.net.final_layer.linear.weight.detach()
    left, strength, right = torch.linalg.svd(change(weight), full_matrices=False)
    kept = (strength[:RANK] ** 2).sum() / (strength**2).sum()
    root = strength[:RANK].sqrt()
    tensors = {"lora_up": left[:, :RANK] * root, "lora_down": root[:, None] * right[:RANK]}
    save_file({f"{LAYER}.{name}.weight": t.half().contiguous() for name, t in tensors.items()}, given.out)
    print(f"rank {RANK} keeps {kept:.1%} of the change")


if __name__ == "__main__":
    main()
