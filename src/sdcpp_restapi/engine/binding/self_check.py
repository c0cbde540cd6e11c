"""Opening the engine library, and the self-check that refuses what no table of a revision fits.

The C interface changes between revisions without a version number of its own: structs grow and enums
move. Whatever differs would be found as a crash or, worse, as a wrong image; here it is found at start.
"""

import ctypes
from collections.abc import Callable, Sequence
from pathlib import Path

from ...errors import EngineUnusable
from .library import Library, open_file, read_commit
from .names import SUPPLIERS
from .probe import measure_struct
from .revision import Revision
from .revisions import INSTALL, REVISIONS, find_revision
from .structs import STRUCT_SIZES
from .suppliers import find_library

type Check = Callable[[Library], str]
"""Empty, or what differs from the table of the library's revision."""

# Parameter struct -> fields whose default is how many values an enum has, and the function that names these.
COUNTED = {
    "sd_ctx_params": {
        "wtype": "sd_type_name",
        "sampler_rng_type": "sd_rng_type_name",
        "prediction": "sd_prediction_name",
    },
    "sd_img_gen_params": {
        "sample_params.scheduler": "sd_scheduler_name",
        "sample_params.sample_method": "sd_sample_method_name",
    },
}


def open_library(
    path: str | None = None,
    *,
    supplier: str | None = None,
    trust_unknown: bool = False,
    revisions: Sequence[Revision] = REVISIONS,
) -> Library:
    """Open the library at `path` (None: that of an installed wheel) and check it; loads and prints nothing.

    A commit that no table is of is used with the table that it fits, where `trust_unknown` allows that.
    Raises EngineUnusable with one sentence that says what is wrong and what to do.
    """
    found = Path(path) if path else find_library([supplier] if supplier else SUPPLIERS)
    c = open_file(found)
    commit = read_commit(c)
    if commit is None:
        raise EngineUnusable(f"{found} is not stable-diffusion.cpp (it has no function sd_commit): {INSTALL}")
    known = find_revision(commit, revisions)
    if known is not None:
        return _check_known(Library(c, found, known))
    return _judge(c, found, commit, trust_unknown, revisions)


def resolve_member(struct: ctypes.Structure, path: str) -> tuple[ctypes.Structure, str]:
    """The innermost struct and the field's name of a dotted path such as "sample_params.eta"."""
    *outer, field = path.split(".")
    for name in outer:
        struct = getattr(struct, name)
    return struct, field


def _check_known(library: Library) -> Library:
    _, wrong = _compare(library, (*CHECKS, _check_ends_of_enums))
    if wrong:
        revision = library.revision
        raise EngineUnusable(
            f"{library.path} is not stable-diffusion.cpp {revision.commit} as it is known ({wrong}):"
            f" {INSTALL}"
        )
    return library


def _judge(
    c: ctypes.CDLL, path: Path, commit: str, trust_unknown: bool, revisions: Sequence[Revision]
) -> Library:
    """An unknown commit, by what can be seen of it."""
    compared = [(*_compare(Library(c, path, one), CHECKS), one) for one in revisions]
    passed = max(count for count, _, _ in compared)
    _, wrong, nearest = next(one for one in compared if one[0] == passed)
    known = ", ".join(one.commit for one in revisions)
    name = f"{path} calls itself stable-diffusion.cpp {commit or 'nothing'}, which is none of {known},"
    if wrong:
        raise EngineUnusable(f"{name} and differs from {nearest.commit} ({wrong}): {INSTALL}")
    if not trust_unknown:
        raise EngineUnusable(
            f"{name} but looks like {nearest.commit}: set engine.trust_unknown to true to use it as that one,"
            f" or {INSTALL}"
        )
    return Library(c, path, nearest)


def _compare(library: Library, checks: Sequence[Check]) -> tuple[int, str]:
    """How many checks it passes, and what the first that it does not pass says."""
    for count, check in enumerate(checks):
        if wrong := check(library):
            return count, wrong
    return len(checks), ""


def _check_functions(library: Library) -> str:
    missing = library.list_missing()
    return f"it has no function {', '.join(missing)}" if missing else ""


def _check_our_structs(library: Library) -> str:
    """Whether ctypes lays the structs out as the table says."""
    revision = library.revision
    ours = {
        **STRUCT_SIZES,
        **{revision.structs[name]: size for name, size in revision.struct_sizes.items()},
    }
    wrong = [
        f"{struct.__name__} has {ctypes.sizeof(struct)} bytes here, not {size}"
        for struct, size in ours.items()
        if ctypes.sizeof(struct) != size
    ]
    return ", ".join(wrong)


def _check_sizes(library: Library) -> str:
    # Before any struct is handed over that the library may lay out in another way.
    for name, size in library.revision.struct_sizes.items():
        measured = measure_struct(library.c, name)
        if measured != size:
            return f"its {name}_t has {measured} bytes, not {size}"
    return ""


def _check_enums(library: Library) -> str:
    """Whether it has the names of the table; what a later revision appended moves none of them."""
    for function, known in library.revision.enums.items():
        theirs = _read_names(library, function, len(known))
        if theirs != known:
            return f"{function} answers {', '.join(theirs)}"
    return ""


def _check_ends_of_enums(library: Library) -> str:
    for function, known in library.revision.enums.items():
        more = library.read_string(function, len(known)).lower()
        if more != "none":
            return f"{function} also answers {more}"
    return ""


def _check_counts(library: Library) -> str:
    """Whether "the model's own" is told by the number of names: it would be one of them otherwise."""
    for name, counted in COUNTED.items():
        struct = _init_struct(library, name)
        for path, function in counted.items():
            inner, field = resolve_member(struct, path)
            last, count = (library.read_string(function, getattr(inner, field) - i).lower() for i in (1, 0))
            if count != "none" or last == "none":
                return f"default {name}_t.{path} is {getattr(inner, field)}, which {function} calls {count}"
    return ""


def _read_names(library: Library, function: str, count: int) -> tuple[str, ...]:
    return tuple(library.read_string(function, index).lower() for index in range(count))


def _check_types(library: Library) -> str:
    for name, index in library.revision.type_ids.items():
        if library.read_string("sd_type_name", index).lower() != name:
            return f"its type {index} is not {name}"
    return ""


def _check_defaults(library: Library) -> str:
    for name, expected in library.revision.defaults.items():
        struct = _init_struct(library, name)
        for path, value in expected.items():
            inner, field = resolve_member(struct, path)
            found = getattr(inner, field)
            if found != value:
                return f"default {name}_t.{path} is {found!r}, not {value!r}"
    return ""


def _check_sentinels(library: Library) -> str:
    for name, sentinels in library.revision.sentinels.items():
        struct = _init_struct(library, name)
        for path, (value, _) in sentinels.items():
            inner, field = resolve_member(struct, path)
            setattr(inner, field, value)
        printed = "\n" + library.read_string(f"{name}_to_str", ctypes.byref(struct))
        missing = [path for path, (_, line) in sentinels.items() if line not in printed]
        if missing:
            return f"{name}_t is laid out differently at {', '.join(missing)}"
    return ""


def _init_struct(library: Library, name: str) -> ctypes.Structure:
    struct = library.revision.structs[name]()
    getattr(library.c, f"{name}_init")(ctypes.byref(struct))
    return struct


CHECKS: tuple[Check, ...] = (
    _check_functions,
    _check_our_structs,
    _check_sizes,
    _check_enums,
    _check_types,
    _check_counts,
    _check_defaults,
    _check_sentinels,
)
