"""What the command is called, for hints that a reader can repeat."""

import os
import shlex


def command_name() -> str:
    """`sdcpp`, or what the launcher of a clone was called as, such as `./sdcpp`: it is on no PATH."""
    return shlex.quote(os.environ.get("SDCPP_RESTAPI_LAUNCHER") or "sdcpp")
