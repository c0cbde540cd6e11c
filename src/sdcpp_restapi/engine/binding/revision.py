"""The shape of the table that describes one revision of the engine's C library."""

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Revision:
    """Everything that the self-check compares with a library, and the ids that calls into it need.

    A parameter struct is named without its `_t`, as the functions `*_init` and `*_to_str` begin; a field of
    one by a dotted path such as "sample_params.eta".
    """

    commit: str  # what sd_commit answers
    package: str  # requirement of the wheel that ships this revision
    functions: Mapping[str, tuple[Any, tuple[Any, ...]]]  # name -> result type, argument types
    struct_sizes: Mapping[type[ctypes.Structure], int]  # bytes
    enums: Mapping[str, tuple[str, ...]]  # function that names an enum's values -> the names, from 0 on
    type_ids: Mapping[str, int]  # quantization id of the API -> sd_type_t
    type_as_stored: int  # the sd_type_t that leaves weights as they are in the file
    parameter_structs: Mapping[str, type[ctypes.Structure]]
    defaults: Mapping[str, Mapping[str, object]]  # parameter struct -> field -> value after *_init
    # parameter struct -> field -> a value to put into it, and the text in which *_to_str must print it
    sentinels: Mapping[str, Mapping[str, tuple[object, str]]]

    @property
    def install(self) -> str:
        """The command that installs the library, for messages of EngineUnusable."""
        return f"pip install {self.package}"
