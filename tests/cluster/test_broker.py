"""The broker's own troubles: cut networks, lost stores, files that are not whole, strangers."""

import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nats
import pytest
from pydantic import SecretStr

from sdcpp_restapi.cluster import object_files
from sdcpp_restapi.cluster.connection import BrokerConnection
from sdcpp_restapi.cluster.object_files import BadFile, ObjectFiles
from sdcpp_restapi.config import Cluster
from tests.support.broker import Broker
from tests.support.cluster_site import SHORT, Site
from tests.support.scripted_engine import loads_held
from tests.support.tcp_proxy import TcpProxy

pytestmark = pytest.mark.heavy

RULES = "authorization: {{ users: [ {{ user: us, password: {password} }} ] }}\n"


def test_what_comes_through_a_mended_network_is_dropped(site: Site, broker: Broker) -> None:
    cable = TcpProxy(broker.port)
    try:
        site.serve()
        cut = site.work("one", broker_url=cable.url)
        site.load()
        job_id = site.start_job(steps=400)
        cable.cut()
        site.wait_for_worker("one", "lost")
        site.work("two")
        job = site.server.wait_for_job(job_id)
        assert (job["status"], job["worker"]) == ("completed", "two")
        cable.mend()
        site.wait_for_worker("one", "ready")
        cut.wait_for_log(f"job {job_id}: (cancelled|completed)")
        assert site.server.get(f"/queue/{job_id}")["worker"] == "two"
        site.workers["two"].kill()
        assert site.server.make(**SHORT)["worker"] == "one"
    finally:
        cable.close()


def test_a_job_that_is_cancelled_while_its_worker_is_cut_off_is_over(site: Site, broker: Broker) -> None:
    cable = TcpProxy(broker.port)
    try:
        site.serve()
        cut = site.work("one", broker_url=cable.url)
        site.load()
        job_id = site.start_job(steps=1000)
        cable.cut()
        assert site.server.http.delete(f"/queue/{job_id}").status_code == 200
        site.wait_for_worker("one", "lost")
        other = site.work("two")
        assert site.server.make(**SHORT)["worker"] == "two"
        assert site.server.get(f"/queue/{job_id}")["status"] == "cancelled"
        cable.mend()
        cut.wait_for_log(f"job {job_id}: (cancelled|completed)")
        site.wait_for_worker("one", "ready")
        other.kill()
        assert site.server.make(**SHORT)["worker"] == "one"
        begun = [
            line for worker in (cut, other) for line in worker.log if f"{job_id}: txt2img begins" in line
        ]
        assert len(begun) == 1
        assert site.server.get(f"/queue/{job_id}")["status"] == "cancelled"
        assert not (site.root / "output" / job_id).exists()
    finally:
        cable.close()


def test_a_job_that_is_longer_than_a_message_fails_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "broker.conf").write_text("max_payload: 32768\n")
    with (
        Broker(tmp_path / "store", "-c", str(tmp_path / "broker.conf")) as broker,
        Site(tmp_path, broker.url) as site,
    ):
        site.serve()
        site.work("one").wait_for_log(r"messages of 32768 bytes at most \(max_payload\): files need")
        site.load()
        long = SHORT | {"prompt": "x" * 20_000, "negative_prompt": "x" * 20_000}
        job = site.server.wait_for_job(site.server.submit(**long))
        assert (job["status"], job["error"]) == (
            "failed",
            "The job is longer than a message may be (max_payload of the broker, 1 MB unless it is set)",
        )
        assert site.server.make(**SHORT)["worker"] == "one"


def test_a_broker_that_comes_back_without_its_store_gets_everything_again(tmp_path: Path) -> None:
    with Broker(tmp_path / "store") as broker, Site(tmp_path, broker.url) as site:
        site.serve(cluster_lost_after="10")
        site.work("one", cluster_lost_after="10")
        site.load()
        running = site.start_job(steps=300)
        waiting = [site.server.submit(**SHORT) for _ in range(3)]
        broker.stop(signal.SIGKILL)
        shutil.rmtree(tmp_path / "store")
        broker.start()
        for each in (running, *waiting):
            assert site.server.wait_for_job(each)["status"] == "completed"
        # A server that begins now learns what the worker has.
        site.server.restart()
        site.wait_for_worker("one", "ready")
        assert site.server.make(**SHORT)["worker"] == "one"
        # Both can be stopped while it is away, in the middle of a job too.
        site.start_job(steps=1000)
        broker.stop()
        assert site.workers["one"].stop() == 0
        assert site.server.stop() == 0


def test_only_who_has_the_token_is_let_in(tmp_path: Path) -> None:
    with Broker(tmp_path / "store", "--auth", "secret") as broker, Site(tmp_path, broker.url) as site:
        site.serve(cluster_token="secret")
        site.work("one", cluster_token="secret")
        site.load()
        assert site.server.make(**SHORT)["worker"] == "one"
        assert "secret" not in "\n".join([*site.server.log, *site.workers["one"].log])
        site.workers["one"].kill()
        site.workers["one"].env = {**site.workers["one"].env, "SDCPP_CLUSTER_TOKEN": "wrong"}
        site.workers["one"].start()
        site.workers["one"].wait_for_log("broker: .*Authorization Violation")


def test_the_answer_to_a_load_survives_the_broker(tmp_path: Path) -> None:
    with Broker(tmp_path / "store") as broker, Site(tmp_path, broker.url) as site:
        site.serve(cluster_lost_after="20")
        site.work("one", "obeys", cluster_lost_after="20")
        with ThreadPoolExecutor() as other, site.server.events() as events:
            with loads_held(tmp_path):
                loading = other.submit(site.load)
                events.wait_for("model_loading_progress", lambda data: data["step"] == 1)
                broker.stop(signal.SIGKILL)
            # Now the answer finds nobody to carry it.
            site.workers["one"].wait_for_log("the broker is away")
            broker.start()
            loading.result()
        assert site.server.make(**SHORT)["worker"] == "one"


def test_everybody_comes_back_to_a_broker_that_threw_them_out(tmp_path: Path) -> None:
    rules = tmp_path / "broker.conf"
    rules.write_text(RULES.format(password="right"))
    with Broker(tmp_path / "store", "-c", str(rules)) as broker, Site(tmp_path, broker.url) as site:
        site.serve(cluster_user="us", cluster_password="right", cluster_lost_after="20")
        worker = site.work("one", cluster_user="us", cluster_password="right", cluster_lost_after="20")
        site.load()
        running = site.start_job(steps=300)
        rules.write_text(RULES.format(password="changed"))
        broker.process.send_signal(signal.SIGHUP)  # it reads its rules again and ends what they don't allow
        worker.wait_for_log("(?i)authorization")
        rules.write_text(RULES.format(password="right"))
        broker.process.send_signal(signal.SIGHUP)
        assert site.server.wait_for_job(running)["status"] == "completed"
        assert site.server.make(**SHORT)["worker"] == "one"


async def test_a_file_that_is_not_whole_is_not_taken(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_files, "READ_SECONDS", 1.0)
    link = BrokerConnection.open(Cluster(urls=[broker.url], prefix="torn", token=SecretStr("unused")), "test")
    client = await nats.connect(broker.url)
    try:
        box = ObjectFiles(link)
        source = tmp_path / "image.png"
        source.write_bytes(b"x" * 300_000)
        digests = await box.send("out/job.1", {"image.png": source})
        await box.fetch("out/job.1", digests, tmp_path / "whole")
        assert (tmp_path / "whole" / "image.png").read_bytes() == source.read_bytes()
        with pytest.raises(BadFile, match="did not arrive as it was sent"):
            await box.fetch("out/job.1", {"image.png": "0" * 64}, tmp_path / "other")
        with pytest.raises(BadFile, match="is not the name of a file"):
            await box.fetch("out/job.1", {"../image.png": "0" * 64}, tmp_path / "other")
        with pytest.raises(BadFile, match="is not whole"):
            await box.fetch("out/job.1", {"image_1.png": "0" * 64}, tmp_path / "other")
        await client.jetstream().purge_stream("OBJ_torn-files", subject="$O.torn-files.C.>")
        with pytest.raises(BadFile, match="did not arrive in time"):
            await box.fetch("out/job.1", digests, tmp_path / "other")
    finally:
        await client.close()
        await link.close()
