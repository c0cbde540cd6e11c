"""What a supervisor or load balancer is told: whether the server answers, and whether jobs get on."""

from pathlib import Path

from tests.support.running_server import RunningServer
from tests.support.scripted_engine import SCRIPTED, engine_command, environment, loads_held


def test_while_its_engine_comes_up_a_server_is_alive_and_not_ready(tmp_path: Path) -> None:
    env = environment(tmp_path) | engine_command("says_hello_late", tmp_path)
    with loads_held(tmp_path), RunningServer(tmp_path, env=env) as server:
        assert server.get("/health/live") == {"status": "ok"}
        answer = server.http.get("/health/ready")
        assert (answer.status_code, answer.json()["state"]) == (503, "starting")
        assert answer.json()["reason"]


def test_a_server_is_ready_once_its_engine_has_come_up(tmp_path: Path) -> None:
    with RunningServer(tmp_path, env=environment(tmp_path)) as server:
        server.post("/models/load", SCRIPTED)
        assert server.get("/health/ready")["state"] == "running"
