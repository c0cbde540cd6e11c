"""Models as a listing has them."""

from sdcpp_restapi.schemas.model_types import ModelType
from sdcpp_restapi.schemas.models import ModelEntry

SHA256 = "0123456789abcdef" * 4


def entry(name: str, type: ModelType = "checkpoint", hash: str | None = None) -> ModelEntry:
    return ModelEntry(name=name, type=type, file_extension=name[name.rfind(".") :], size_bytes=1, hash=hash)
