"""Write a trained model as one GGUF file that the engine loads."""

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokens import UNKNOWN
from torch import Tensor
from twin import VOCABULARY, Sizes, Twin

NET, T5 = "model.diffusion_model.model.", "text_encoders.t5xxl.transformer."
# With less than F32 for these the engine aborts or draws worse.
EXACT = ("mask_token", "norm", "relative_attention_bias")


def engine_tensors(twin: Twin, kept: list[int]) -> dict[str, Tensor]:
    """Under the engine's names. `kept` is the token of each row of the embedding table."""
    tensors = {
        (NET + name if name.startswith("net.") else T5 + name.removeprefix("t5.")): value.float()
        for name, value in twin.state_dict().items()
    }
    rows = tensors[T5 + "shared.weight"]
    whole = rows[kept.index(UNKNOWN)].repeat(VOCABULARY, 1)  # a word that it never saw is an unknown word
    whole[kept] = rows
    return tensors | {T5 + "shared.weight": whole} | never_used(twin.sizes)


def never_used(sizes: Sizes, width: int = 32) -> dict[str, Tensor]:
    """What the engine insists on loading and then leaves alone."""
    shapes = {
        "t_embedder.mlp.0.weight": (width, 256),
        "t_embedder.mlp.0.bias": (width,),
        "t_embedder.mlp.2.weight": (width, width),
        "t_embedder.mlp.2.bias": (width,),
        "pooled_embedder.weight": (width, sizes.t5_dim),
    }
    return {f"{NET}net.{name}": torch.zeros(shape) for name, shape in shapes.items()}


def halved(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: (value if value.dim() < 2 or any(part in name for part in EXACT) else value.half()).contiguous()
        for name, value in tensors.items()
    }


def load(path: Path) -> tuple[Twin, list[int]]:
    """The averaged weights of a training run."""
    state = torch.load(path, weights_only=True)
    twin = Twin(Sizes(**state["sizes"]))
    twin.load_state_dict(state["average"])
    return twin.eval(), state["kept"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    save_file(halved(engine_tensors(*load(given.state))), given.out, metadata={"format": "pt"})


if __name__ == "__main__":
    main()
