"""The engine child: the process that owns the C library.

    python -m sdcpp_restapi.engine.child --fd N [--library PATH] [--supplier NAME] [--trust-unknown] [--debug]

How it talks with the server is in pipe/child_end.py, what they say in schemas/engine.py. The first report is
Hello, or Unusable and exit code 3.
"""

import argparse
import ctypes
from typing import NoReturn

from ...pipe.child_end import ChildEnd, add_wait_flag, prepare_process
from ...schemas.engine import (
    COMMAND,
    Convert,
    Generate,
    GenerateVideo,
    Hello,
    Load,
    LoadUpscaler,
    Report,
    Unload,
    Unloaded,
    UnloadUpscaler,
    Upscale,
    WantPreviews,
    Work,
)
from ..binding.library import Library
from ..binding.self_check import open_library
from .previews import LastNotice
from .session import Session

# Before a chat model, after the server.
NICENESS = 5


def perform(session: Session, work: Work) -> Report:
    """Carry out a command; its last report. Raises SdcppError."""
    match work:
        case Load():
            return session.load(work)
        case Generate():
            return session.generate(work)
        case GenerateVideo():
            return session.generate_video(work)
        case LoadUpscaler():
            return session.upscaler.load(work)
        case Upscale():
            return session.upscaler.upscale(work)
        case Convert():
            return session.convert(work)
        case UnloadUpscaler():
            session.upscaler.unload()
            return Unloaded(id=work.id)
        case Unload():
            session.unload()
            return Unloaded(id=work.id)


def describe_library(library: Library) -> Hello:
    """The first report: what the library says about itself and the machine."""
    return Hello(
        commit=library.read_string("sd_commit"),
        revision=library.revision.commit,
        names=library.revision.names,
        version=library.read_string("sd_version"),
        system_info=" ".join(library.read_string("sd_get_system_info").split()),
        devices=_list_devices(library),
        physical_cores=library.c.sd_get_num_physical_cores(),
        library=str(library.path),
    )


def _list_devices(library: Library) -> list[str]:
    buffer = ctypes.create_string_buffer(16384)
    library.c.sd_list_devices(buffer, len(buffer))
    return buffer.value.decode(errors="replace").splitlines()


def main() -> NoReturn:
    """Read the command line, then work until the server is gone."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--fd", type=int, required=True, help="inherited end of a socket pair")
    parser.add_argument("--library", help="path of the engine library (default: the installed wheel's)")
    parser.add_argument(
        "--supplier", help="package whose library it is (default: the first that is installed)"
    )
    parser.add_argument("--trust-unknown", action="store_true", help="use unknown revisions like known ones")
    parser.add_argument("--debug", action="store_true", help="report the engine's debug lines as well")
    add_wait_flag(parser)
    arguments = parser.parse_args()
    prepare_process(NICENESS, arguments.wait)
    last_notice = LastNotice()
    child = ChildEnd[Work, Session, WantPreviews](arguments.fd, COMMAND, last_notice.keep)

    def start() -> tuple[Session, Hello]:
        library = open_library(
            arguments.library, supplier=arguments.supplier, trust_unknown=arguments.trust_unknown
        )
        session = Session(
            library=library, report=child.report, last_notice=last_notice, debug=arguments.debug
        )
        return session, describe_library(library)

    child.run(start, perform)


if __name__ == "__main__":
    main()
