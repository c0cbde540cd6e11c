"""What is shown of a set."""

from sdcpp_restapi.model_sets.planning import show
from sdcpp_restapi.model_sets.presence import LocatedFile
from sdcpp_restapi.schemas.model_sets import SetFile


def test_a_token_in_an_address_is_not_shown() -> None:
    file = SetFile(type="vae", source="url", url="https://x/a?token=secret", save_as="a.gguf", about=5)
    shown = show(LocatedFile(file, "a.gguf", "missing"))
    assert shown.source == "https://x/a?token=***"
    assert (shown.size_bytes, shown.size_is_exact) == (5, False)
