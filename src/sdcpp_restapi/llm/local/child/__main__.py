"""The child that runs a chat model.

    python -m sdcpp_restapi.llm.local.child --fd N --model PATH --threads N --context N --gpu-layers N

How it talks with the server is in pipe/child_end.py, what they say in schemas/llama.py. The first report is
Ready, or Unusable and exit code 3. Another model needs another child.
"""

import argparse
from pathlib import Path
from typing import Never, NoReturn

from ....pipe.child_end import ChildEnd, add_wait_flag, prepare_process
from ....schemas.llama import COMMAND, Complete, Completed, Ready

# Pictures first: the engine has 5.
NICENESS = 10


def main() -> NoReturn:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--fd", type=int, required=True, help="inherited end of a socket pair")
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--context", type=int, required=True, help="most tokens of a conversation")
    parser.add_argument("--gpu-layers", type=int, required=True, help="-1 = all")
    add_wait_flag(parser)
    arguments = parser.parse_args()
    prepare_process(NICENESS, arguments.wait)
    from .session import ChatSession  # loads the C library, which reads what `prepare_process` set

    child = ChildEnd[Complete, ChatSession, Never](arguments.fd, COMMAND)

    def start() -> tuple[ChatSession, Ready]:
        session = ChatSession(arguments.model, child.report)
        return session, session.load(arguments.threads, arguments.context, arguments.gpu_layers)

    def perform(session: ChatSession, work: Complete) -> Completed:
        return session.complete(work)

    child.run(start, perform)


if __name__ == "__main__":
    main()
