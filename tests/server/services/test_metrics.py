"""GET /metrics as Prometheus reads it, and the dashboard that comes with it."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open_metrics
from prometheus_client.parser import text_string_to_metric_families

from tests.support.ports import find_free_port
from tests.support.running_server import RunningServer, of_job
from tests.support.scripted_engine import SHORT, busy, serving

EXAMPLES = Path(__file__).parents[3] / "examples"
DASHBOARD = EXAMPLES / "grafana" / "sdcpp.json"
# The library has no types for it.
open_metrics: Callable[[str], Iterable[Metric]] = parse_open_metrics
parse: Callable[[str], Iterable[Metric]] = text_string_to_metric_families
# Functions and words of PromQL, and labels that Prometheus itself adds.
WORDS = {"sum", "by", "rate", "increase", "histogram_quantile", "time", "job", "le"}
KEY = "a-key-of-the-metrics-test"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that has completed two jobs; /metrics needs no key."""
    public = {"server_metrics_public": "true", "server_api_keys": KEY}
    root = tmp_path_factory.mktemp("metrics")
    with serving(root, loaded=False, **public) as running:
        running.http.headers["X-API-Key"] = KEY
        running.post("/models/load", {"model_name": "scripted.safetensors"})
        url = f"ws://127.0.0.1:{running.ws_port}/?token={KEY}"
        with running.events(url) as events:
            for _ in range(2):
                job_id = running.submit(**SHORT)
                of_this = of_job(job_id)
                while events.wait_for("job_status_changed", of_this)["status"] != "completed":
                    pass
        yield running


def scrape(server: RunningServer) -> dict[str, Metric]:
    answer = httpx.get(f"{server.url}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {family.name: family for family in parse(answer.text)}


def value(families: dict[str, Metric], name: str, **labels: str) -> float:
    family = families[name.removesuffix("_total").removesuffix("_sum").removesuffix("_count")]
    found = [one.value for one in family.samples if one.name == name and labels.items() <= one.labels.items()]
    assert found, (name, labels, family.samples)
    return sum(found)


def test_what_became_of_jobs_is_counted(server: RunningServer) -> None:
    seen = scrape(server)
    assert value(seen, "sdcpp_jobs_submitted_total", type="txt2img") == 2
    assert value(seen, "sdcpp_jobs_ended_total", type="txt2img", status="completed") == 2
    assert value(seen, "sdcpp_job_wait_seconds_count", lane="engine") == 2
    labels = {"type": "txt2img", "model": "scripted.safetensors"}
    assert value(seen, "sdcpp_job_duration_seconds_count", **labels) == 2
    assert value(seen, "sdcpp_sampling_steps_total") == 2 * SHORT["steps"]
    assert value(seen, "sdcpp_model_loads_total") == 1
    assert value(seen, "sdcpp_engine_starts_total") == 1
    assert value(seen, "sdcpp_http_answers_total", status="202") == 2


def test_the_system_is_measured(server: RunningServer) -> None:
    seen = scrape(server)
    assert value(seen, "sdcpp_process_resident_memory_bytes", process="server") > 2**20
    assert value(seen, "sdcpp_process_cpu_seconds_total", process="server") > 0
    assert value(seen, "sdcpp_disk_free_bytes", folder="outputs") > 0
    assert value(seen, "sdcpp_start_time_seconds") <= time.time()


def test_what_waits_and_who_listens_is_shown_as_it_is_now(tmp_path: Path) -> None:
    with serving(tmp_path) as running, busy(running), running.events():
        running.submit(**SHORT)
        seen = scrape(running)
        assert value(seen, "sdcpp_queue_jobs", lane="engine", type="txt2img", status="pending") == 1
        assert value(seen, "sdcpp_queue_jobs", lane="engine", type="txt2img", status="processing") == 1
        assert value(seen, "sdcpp_websockets") == 2


def test_open_metrics_come_where_accept_asks_for_them(server: RunningServer) -> None:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    answer = httpx.get(f"{server.url}/metrics", headers=accept)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert "sdcpp_jobs_ended" in {family.name for family in open_metrics(answer.text)}


def test_the_metrics_need_a_key_or_are_not_there_as_the_settings_say(tmp_path: Path) -> None:
    with serving(tmp_path / "keys", loaded=False, server_api_keys=KEY) as running:
        assert httpx.get(f"{running.url}/metrics").status_code == 401
        assert httpx.get(f"{running.url}/metrics", headers={"X-API-Key": KEY}).status_code == 200
    with serving(tmp_path / "none", loaded=False, server_metrics="false") as running:
        assert httpx.get(f"{running.url}/metrics").status_code == 404


def test_every_expression_of_the_dashboard_names_metrics_and_labels_that_there_are(
    server: RunningServer,
) -> None:
    server.http.get("/nothing")
    families = scrape(server)
    # Of some there is nothing to count here: those may be without samples, and so without labels.
    names = {one.name for family in families.values() for one in family.samples}
    labels = {label for family in families.values() for one in family.samples for label in one.labels}
    labels |= {"code", "outcome"}
    declared = {f"{name}{suffix}" for name in families for suffix in ("", "_total")}
    dashboard = json.loads(DASHBOARD.read_text("utf-8"))
    targets = [target for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(targets) > 20
    used = set()
    for target in targets:
        expression = re.sub(r'"[^"]*"|\[\w+\]|[\d.]+', "", target["expr"])
        for word in set(re.findall(r"[a-z_]+", expression)) - WORDS:
            assert word in names | declared | labels, target["expr"]
            used.add(word)
        for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
            assert label in labels | {"version"}, target["legendFormat"]
    plain = {re.sub("_(total|bucket|sum|count)$", "", word) for word in used}
    assert set(families) - {"sdcpp_info"} <= plain, "the dashboard shows all of them"


@pytest.mark.heavy
@pytest.mark.skipif(shutil.which("prometheus") is None, reason="Prometheus is not installed")
def test_a_real_prometheus_reads_it_with_the_configuration_of_the_examples(
    server: RunningServer, tmp_path: Path
) -> None:
    text = (EXAMPLES / "prometheus" / "prometheus.yml").read_text("utf-8")
    text = text.replace("127.0.0.1:8080", f"127.0.0.1:{server.port}").replace("15s", "1s")
    (tmp_path / "prometheus.yml").write_text(text)
    port = find_free_port()
    command = ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], cwd=tmp_path)
    try:
        dashboard = json.loads(DASHBOARD.read_text("utf-8"))
        query = {"query": 'sdcpp_jobs_ended_total{job="sdcpp",status="completed"}'}
        until = time.monotonic() + 60
        found: list[object] = []
        while not found and time.monotonic() < until:
            time.sleep(0.5)
            try:
                asked = httpx.get(f"http://127.0.0.1:{port}/api/v1/query", params=query)
                found = asked.json()["data"]["result"] if asked.status_code == 200 else []
            except httpx.TransportError:
                continue
        assert found
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                query = {"query": target["expr"].replace("$job", "sdcpp")}
                asked = httpx.get(f"http://127.0.0.1:{port}/api/v1/query", params=query)
                assert asked.json()["status"] == "success", target["expr"]
    finally:
        process.terminate()
        process.wait(20)
