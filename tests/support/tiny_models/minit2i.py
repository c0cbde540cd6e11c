"""A tiny MiniT2I and its T5: tensor names and shapes of stable-diffusion.cpp 487de75.

MiniT2I works on pixels (no VAE) and reads its prompt through a T5. It predicts the finished picture at
every step, without being told the time.
"""

VOCABULARY = 32128
"""Rows of T5's embedding table: the engine's tokenizer is built in, so the size is fixed."""


def diffusion_shapes(width: int = 64, patch: int = 16) -> dict[str, list[int]]:
    """MiniT2I of one preamble and one double block; attention heads are 64 wide, so width is n * 64."""
    stem = 16
    shapes = {
        "img_embedder.proj1.weight": [stem, 3, patch, patch],
        "img_embedder.proj2.weight": [width, stem, 1, 1],
        "img_embedder.proj2.bias": [width],
        "txt_embedder.weight": [width, 64],
        "mask_token": [64],
        "pooled_embedder.weight": [width, 64],
        "t_embedder.mlp.0.weight": [width, 256],
        "t_embedder.mlp.0.bias": [width],
        "t_embedder.mlp.2.weight": [width, width],
        "t_embedder.mlp.2.bias": [width],
        "final_layer.norm_final.weight": [width],
        "final_layer.linear.weight": [patch * patch * 3, width],
        "final_layer.linear.bias": [patch * patch * 3],
    }
    shapes |= _block("txt_preamble_blocks.0.", "", width)
    shapes |= _block("double_blocks.0.", "img_", width) | _block("double_blocks.0.", "txt_", width)
    return {f"model.diffusion_model.model.net.{name}": shape for name, shape in shapes.items()}


def _block(block: str, stream: str, width: int) -> dict[str, list[int]]:
    """One stream ("", "img_" or "txt_") of a transformer block: attention, norms and a SwiGLU."""
    hidden = (int(width * 2.6667) + 7) // 8 * 8
    return {
        f"{block}q_norm.weight": [64],
        f"{block}k_norm.weight": [64],
        f"{block}{stream}norm1.weight": [width],
        f"{block}{stream}norm2.weight": [width],
        f"{block}{stream}qkv.weight": [3 * width, width],
        f"{block}{stream}qkv.bias": [3 * width],
        f"{block}{stream}attn_proj.weight": [width, width],
        f"{block}{stream}attn_proj.bias": [width],
        f"{block}{stream}mlp.w1.weight": [hidden, width],
        f"{block}{stream}mlp.w2.weight": [width, hidden],
        f"{block}{stream}mlp.w3.weight": [hidden, width],
    }


def t5_shapes(width: int = 64) -> dict[str, list[int]]:
    """A T5 encoder of one layer and one head; its states are `width` wide."""
    layer = "encoder.block.0.layer"
    attention = {f"{layer}.0.SelfAttention.{name}.weight": [width, width] for name in "qkvo"}
    gates = {f"{layer}.1.DenseReluDense.{name}.weight": [width, width] for name in ("wi_0", "wi_1", "wo")}
    shapes = {
        "shared.weight": [VOCABULARY, width],
        f"{layer}.0.SelfAttention.relative_attention_bias.weight": [32, 1],
        f"{layer}.0.layer_norm.weight": [width],
        f"{layer}.1.layer_norm.weight": [width],
        "encoder.final_layer_norm.weight": [width],
        **attention,
        **gates,
    }
    return {f"text_encoders.t5xxl.transformer.{name}": shape for name, shape in shapes.items()}
