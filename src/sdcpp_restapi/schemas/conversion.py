"""Model conversion."""

from typing import Annotated

from pydantic import AfterValidator, Field

from ..engine.binding.names import QUANTIZATION_TYPES, WRITABLE_TYPES
from .generation import Accepted
from .scheduling import JobRequest
from .type_rules import TypeRules


def _writable(value: str) -> str:
    name = value.strip().lower()
    if name in WRITABLE_TYPES:
        return name
    if name in QUANTIZATION_TYPES:
        raise ValueError(f"the engine cannot write it; it writes {', '.join(WRITABLE_TYPES)}")
    raise ValueError(f"must be one of {', '.join(WRITABLE_TYPES)}")


class ConvertRequest(JobRequest):
    """POST /convert.

    Paths lie in the model folders or in those of the setting paths.convert_dirs, and may be relative to them.
    """

    input_path: str = Field(min_length=1)
    output_type: Annotated[str, AfterValidator(_writable)] = Field(
        description="Quantization type from GET /options that the engine can write",
        json_schema_extra={"enum": list(WRITABLE_TYPES)},
    )
    output_path: str | None = Field(
        None, description="A .gguf file; default: <stem>.<type>.gguf beside the input"
    )
    vae_path: str | None = Field(None, description="VAE to bake in")
    tensor_type_rules: TypeRules = Field(
        "", description="Other types for some tensors: pattern=type, separated by commas"
    )
    overwrite: bool = Field(False, description="Replace the output file if it exists")


class ConvertAccepted(Accepted):
    """202: the conversion is stored."""

    output_path: str
