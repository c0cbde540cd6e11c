"""Writing a model file with another type of weights."""

import os
import time
from collections.abc import Callable

from ...errors import JobCancelled, JobFailed
from ...schemas.engine import Convert, Converted
from ..binding.field_rules import format_type_rules
from ..binding.library import Library
from .log_parser import LogParser


def convert(
    library: Library, log_parser: LogParser, command: Convert, is_cancelled: Callable[[], bool]
) -> Converted:
    """Write the model file. The call cannot be stopped: a cancel acts when it is over.

    Raises JobFailed in the engine's words, JobCancelled. What was written is left to the server.
    """
    started = time.monotonic()
    with log_parser.follow_conversion(command.id):
        done = library.c.convert(
            os.fsencode(command.input),
            os.fsencode(command.vae) if command.vae else None,
            os.fsencode(command.output),
            library.revision.type_ids[command.output_type],
            # Never NULL: that ends the process.
            format_type_rules(command.tensor_type_rules),
            # With its own names a baked VAE would be called "vae.", which other programs do not know.
            command.vae is not None,
        )
    if is_cancelled():
        raise JobCancelled
    if not done:
        raise JobFailed(log_parser.explain("The engine did not write the model and did not say why"))
    return Converted(id=command.id, seconds=time.monotonic() - started)
