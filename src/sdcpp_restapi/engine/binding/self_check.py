"""Opening the engine library, and the self-check that refuses any other revision than the known one.

The C interface changes between revisions without a version number of its own: structs grow and enums
move. Whatever differs would be found as a crash or, worse, as a wrong image; here it is found at start.
"""

import ctypes
from pathlib import Path

from ...errors import EngineUnusable
from .library import Library, find_library
from .revision import Revision
from .revision_487de75 import REVISION


def open_library(path: str | None, revision: Revision = REVISION) -> Library:
    """Open the library at `path` (None: the installed wheel's) and check it; loads and prints nothing.

    Raises EngineUnusable with one sentence that says what is wrong and what to install.
    """
    library = Library(Path(path) if path else find_library(revision), revision)
    for check in (_check_commit, _check_sizes, _check_enums, _check_types, _check_defaults, _check_sentinels):
        wrong = check(library, revision)
        if wrong:
            raise EngineUnusable(
                f"{library.path} is not stable-diffusion.cpp {revision.commit} ({wrong}): {revision.install}"
            )
    return library


def resolve_member(struct: ctypes.Structure, path: str) -> tuple[ctypes.Structure, str]:
    """The innermost struct and the field's name of a dotted path such as "sample_params.eta"."""
    *outer, field = path.split(".")
    for name in outer:
        struct = getattr(struct, name)
    return struct, field


def _check_commit(library: Library, revision: Revision) -> str:
    # First of all: no struct is handed to a revision that may lay it out differently.
    commit = library.read_string("sd_commit")
    return "" if commit == revision.commit else f"it calls itself {commit or 'nothing'}"


def _check_sizes(_library: Library, revision: Revision) -> str:
    wrong = [
        f"{struct.__name__} has {ctypes.sizeof(struct)} bytes"
        for struct, size in revision.struct_sizes.items()
        if ctypes.sizeof(struct) != size
    ]
    return ", ".join(wrong)


def _check_enums(library: Library, revision: Revision) -> str:
    for function, known in revision.enums.items():
        theirs = tuple(library.read_string(function, index).lower() for index in range(len(known) + 1))
        if theirs != (*known, "none"):
            return f"{function} answers {', '.join(theirs)}"
    return ""


def _check_types(library: Library, revision: Revision) -> str:
    for name, index in revision.type_ids.items():
        if library.read_string("sd_type_name", index).lower() != name:
            return f"its type {index} is not {name}"
    return ""


def _check_defaults(library: Library, revision: Revision) -> str:
    for name, expected in revision.defaults.items():
        struct = _init_struct(library, revision, name)
        for path, value in expected.items():
            inner, field = resolve_member(struct, path)
            found = getattr(inner, field)
            if found != value:
                return f"default {name}_t.{path} is {found!r}, not {value!r}"
    return ""


def _check_sentinels(library: Library, revision: Revision) -> str:
    for name, sentinels in revision.sentinels.items():
        struct = _init_struct(library, revision, name)
        for path, (value, _) in sentinels.items():
            inner, field = resolve_member(struct, path)
            setattr(inner, field, value)
        printed = "\n" + library.read_string(f"{name}_to_str", ctypes.byref(struct))
        missing = [path for path, (_, line) in sentinels.items() if line not in printed]
        if missing:
            return f"{name}_t is laid out differently at {', '.join(missing)}"
    return ""


def _init_struct(library: Library, revision: Revision, name: str) -> ctypes.Structure:
    struct = revision.parameter_structs[name]()
    getattr(library.c, f"{name}_init")(ctypes.byref(struct))
    return struct
