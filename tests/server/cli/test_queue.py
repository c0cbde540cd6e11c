"""`sdcpp queue`, on a running server."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.support.command import sdcpp
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import SHORT, busy


def queue(server: RunningServer, *arguments: str) -> Any:
    return sdcpp("queue", *arguments, "--server", server.url, folder=server.root)


def test_the_sub_commands_are_listed_with_examples(tmp_path: Path) -> None:
    shown = sdcpp("queue", "--help", folder=tmp_path).stdout
    assert all(name in shown for name in ("list", "show", "cancel", "delete", "restore", "purge"))
    assert "xargs sdcpp queue delete" in shown


def test_jobs_are_listed_a_line_each_or_as_ids_or_as_json(scripted: RunningServer) -> None:
    ids = [scripted.make(**SHORT | {"prompt": f"heron {n}\n" + 9 * "long "})["job_id"] for n in range(3)]
    newest_first = ids[::-1]
    shown = queue(scripted, "list", "--search", "heron", "--limit", "2")
    assert [line.split()[0] for line in shown.stdout.splitlines()] == newest_first[:2]
    assert "completed   txt2img" in shown.stdout
    assert "heron 2 long long" in shown.stdout
    assert shown.stderr == "2 of 3 jobs, --limit shows more\n"
    assert queue(scripted, "list", "--search", "heron", "--ids").stdout.split() == newest_first
    page = json.loads(queue(scripted, "list", "--search", "heron", "--json").stdout)
    assert [item["job_id"] for item in page["items"]] == newest_first


def test_one_job_is_shown_with_the_address_of_its_output(scripted: RunningServer) -> None:
    job = scripted.make(**SHORT)
    shown = queue(scripted, "show", job["job_id"]).stdout
    assert "status: completed\n" in shown
    assert f"seed: {job['params']['seed']}\n" in shown
    assert f"output: {scripted.url}/output/{job['outputs'][0]}\n" in shown
    assert json.loads(queue(scripted, "show", job["job_id"], "--json").stdout) == job


def test_jobs_are_deleted_listed_in_the_trash_restored_and_purged(scripted: RunningServer) -> None:
    first, second = (scripted.make(**SHORT)["job_id"] for _ in range(2))
    assert queue(scripted, "delete", first, second).stdout == "2 jobs are in the trash now\n"
    assert {first, second} <= set(queue(scripted, "list", "--trash", "--ids").stdout.split())
    assert queue(scripted, "restore", first).stdout == "1 job is in the queue again\n"
    assert scripted.get(f"/queue/{first}")["status"] == "completed"
    done = json.loads(queue(scripted, "purge", first, second, "--yes", "--json").stdout)
    assert done["deleted"] == [first, second]
    assert not (scripted.output_dir / first).exists()


def test_what_is_not_there_is_told_with_exit_code_1(scripted: RunningServer) -> None:
    unknown = str(uuid4())
    job_id = scripted.make(**SHORT)["job_id"]
    ended = queue(scripted, "delete", unknown, job_id)
    assert (ended.returncode, ended.stdout) == (1, "1 job is in the trash now\n")
    assert ended.stderr == f"sdcpp: {unknown} is not in the queue\n"
    assert queue(scripted, "show", unknown).stderr == "sdcpp: Job not found\n"


def test_a_purge_wants_to_be_confirmed(scripted: RunningServer) -> None:
    job_id = scripted.make(**SHORT)["job_id"]
    ended = queue(scripted, "purge", job_id)
    assert ended.returncode == 2
    assert "add --yes" in ended.stderr
    assert scripted.get(f"/queue/{job_id}")["status"] == "completed"


def test_jobs_are_cancelled_one_by_one(scripted: RunningServer) -> None:
    finished = scripted.make(**SHORT)["job_id"]
    with busy(scripted) as running:
        waiting = scripted.submit(**SHORT)
        refused = queue(scripted, "delete", running)
        ended = queue(scripted, "cancel", running, finished, waiting)
    assert f"{running} (processing)" in refused.stderr
    assert ended.returncode == 1
    assert ended.stdout == f"{running} is cancelled\n{waiting} is cancelled\n"
    assert ended.stderr.startswith(f"sdcpp: {finished}: Cannot cancel job")
