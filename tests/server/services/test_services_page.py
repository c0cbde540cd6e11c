"""docs/howto/services.md: its commands and its receiver do what is written around them."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest

from tests.docs.shell_blocks import read_blocks
from tests.docs.source_tree import ROOT
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import SCRIPTED
from tests.support.server_setup import ServerSetup

PAGE = ROOT / "docs/howto/services.md"
SERVER = ServerSetup(
    scripted=True,
    loads=[SCRIPTED],
    env={"SDCPP_WEBHOOKS_ALLOW_PRIVATE": "1", "SDCPP_WEBHOOKS_RETRY_DELAY": "0.1"},
)


@contextmanager
def running(script: str, folder: Path) -> Iterator[IO[str]]:
    """A script, with everything that it starts, for the block; what it prints."""
    environment = {
        **os.environ,
        "CURL_HOME": str(folder),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    process = subprocess.Popen(
        ["bash", "-c", f"set -euo pipefail\n{script}\nwait"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        os.killpg(process.pid, 15)
        process.wait()
        process.stdout.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_the_page_is_right(server: RunningServer, tmp_path: Path) -> None:
    for tool in ("bash", "curl", "jq"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    (tmp_path / ".curlrc").write_text("fail-with-body\n")
    ports = {"8080": server.port, "9000": free_port()}

    def with_ports(text: str) -> str:
        for documented, port in ports.items():
            text = text.replace(documented, str(port))
        return text

    (program,) = re.findall(r"```python\n(.+?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (tmp_path / "receive.py").write_text(with_ports(program))
    script = with_ports("echo ---\n".join(block.text for block in read_blocks(PAGE)))
    # So that the server's first attempt finds somebody.
    script = script.replace("receive.py &", "receive.py 2>/dev/null &") + 'echo "$job_id"\n'
    with running(script, tmp_path) as printed:
        assert [next(printed) for _ in range(3)] == ["completed\n", printed_output(server), "---\n"]
        assert [next(printed), next(printed)] == ["completed\n", "---\n"]
        assert next(printed) == next(printed)
        assert next(printed) == "---\n"
        told = next(printed)
        assert '"event":"job_state"' in told
        rest = list(iter(printed.readline, "---\n"))
        assert rest == []
        job_id, message = sorted((next(printed), next(printed)), key=len)
        assert message == f"job.completed {job_id}"
        forged = httpx.post(f"http://127.0.0.1:{ports['9000']}/hook", json={"type": "job.completed"})
        assert forged.status_code == 401


def printed_output(server: RunningServer) -> str:
    """The file of the first job, as jq prints it."""
    first = server.get("/queue", order="asc", limit=1)["items"][0]
    return f"{first['outputs'][0]}\n"
