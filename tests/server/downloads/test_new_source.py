"""A new source is one row of the registry: it is detected, checked, asked and downloaded from without another
change."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import ClassVar, get_args

import pytest
from pydantic import SecretStr

import sdcpp_restapi
from sdcpp_restapi.config import Downloads
from sdcpp_restapi.downloads.address_rules import AddressRules
from sdcpp_restapi.downloads.executor import DownloadExecutor
from sdcpp_restapi.downloads.http_client import HttpClient, Token
from sdcpp_restapi.downloads.part_files import PartFolder
from sdcpp_restapi.downloads.retry_policy import RetryPolicy
from sdcpp_restapi.downloads.sources import registry
from sdcpp_restapi.downloads.sources.source import Origin
from sdcpp_restapi.errors import BadRequest
from sdcpp_restapi.schemas.downloads import DownloadRequest, SourceName
from sdcpp_restapi.schemas.jobs import Job, JobStatus, Outcome, Progress
from tests.support.http_upstream import Upstream, model_bytes, sha256

DATA = model_bytes(50_000)
SECRET = "mirror-token"


class MirrorRequest(DownloadRequest):
    """A request with the field that the new source takes."""

    mirror_id: str | None = None


class Mirror:
    """The new source: all that is known of it."""

    name: ClassVar[str] = "mirror"
    required_fields: ClassVar[tuple[str, ...]] = ("mirror_id",)
    usage: ClassVar[str] = "mirror_id (Mirror)"
    argument_forms: ClassVar[tuple[str, ...]] = ("mirror:ID",)
    home: ClassVar[str]

    def __init__(self, client: HttpClient, settings: Downloads) -> None:
        pass

    @classmethod
    def create_token(cls, settings: Downloads) -> Token | None:
        return Token(cls.home, SecretStr(SECRET), setting="downloads.mirror_token")

    @staticmethod
    def parse_argument(text: str) -> dict[str, str] | None:
        return {"mirror_id": text[7:]} if text.startswith("mirror:") else None

    async def check(self, request: DownloadRequest) -> None:
        assert isinstance(request, MirrorRequest)
        if request.mirror_id == "none":
            raise BadRequest("mirror_id: 'none' is not allowed")

    async def find_origin(self, request: DownloadRequest) -> Origin:
        assert isinstance(request, MirrorRequest)
        url = f"{self.home}/{request.mirror_id}"
        return Origin(url=url, path=PurePosixPath("m.gguf"), sha256=sha256(DATA), size=len(DATA))


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch, cdn: Upstream) -> Upstream:
    """The server of the new source, whose row is the only thing that is added."""
    monkeypatch.setattr(registry, "SOURCES", (*registry.SOURCES, Mirror))
    monkeypatch.setattr(Mirror, "home", cdn.url, raising=False)
    cdn.file("/5", DATA)
    return cdn


@pytest.fixture
async def client(mirror: Upstream) -> AsyncIterator[HttpClient]:
    tokens = registry.create_tokens(Downloads())
    opened = HttpClient(AddressRules(allow_private=True), tokens=tokens, timeout=5)
    yield opened
    await opened.close()


async def test_it_is_detected_and_checked(client: HttpClient) -> None:
    sources = registry.Sources(client, Downloads())
    request, warnings = await sources.check(MirrorRequest(model_type="lora", mirror_id="5"))
    assert (request.source, warnings) == ("mirror", [])
    for fields, message in (
        ({}, "One of model_id (CivitAI), repo_id with filename (Hugging Face), url or mirror_id (Mirror) is"),
        ({"mirror_id": "5", "url": "http://127.0.0.1/"}, "url and mirror_id contradict each other"),
        ({"mirror_id": "none"}, "mirror_id: 'none' is not allowed"),
    ):
        with pytest.raises(BadRequest, match=re.escape(message)):
            await sources.check(MirrorRequest.model_validate({"model_type": "lora", **fields}))


async def test_its_file_is_downloaded_with_its_token(
    client: HttpClient, mirror: Upstream, tmp_path: Path
) -> None:
    async def ignore(*_: object) -> None:
        pass

    sources = registry.Sources(client, Downloads())
    executor = DownloadExecutor(
        client=client,
        sources=sources,
        parts=PartFolder(tmp_path / "parts"),
        folders={"lora": tmp_path},
        retry_policy=RetryPolicy(retries=0, delay=0.01),
        remember_hash=ignore,
        refresh_catalog=ignore,
    )
    request, _ = await sources.check(MirrorRequest(model_type="lora", mirror_id="5"))
    job = Job(
        id="job",
        type="model_download",
        status=JobStatus.PROCESSING,
        attempt=1,
        params=request,
        created_at=datetime.now(UTC),
        progress=Progress.at(0, 100, 0, 1),
    )
    *_, outcome = [event async for event in executor.run(job)]
    assert isinstance(outcome, Outcome)
    assert (tmp_path / "m.gguf").read_bytes() == DATA
    assert mirror.asked("/5")[-1].headers["authorization"] == f"Bearer {SECRET}"


def test_the_command_line_takes_it(mirror: Upstream) -> None:
    assert registry.parse_argument("mirror:5") == {"mirror_id": "5"}
    assert registry.list_argument_forms().endswith("hf:ORG/NAME/FILE, or mirror:ID")


# ---------------------------------------------------------------- what the API's description names

# Modules besides downloads/sources/ that may name a source: the fields, routes, settings and help texts that
# are documented, and readers of files that CivitAI's tools leave beside models.
DOCUMENTED = {
    "schemas/downloads.py",
    "schemas/action_parameters.py",
    "config/network.py",
    "setting_sources.py",
    "api/routes/downloads.py",
    "cli/model_commands.py",
    "cli/model_file_commands.py",
    "compat/ollama/refused.py",
    "models/headers/safetensors_header.py",  # the address of the format's description
    "models/sidecars.py",
    "downloads/sidecar_files.py",  # a file is called after the site
    "schemas/model_links.py",
    "schemas/model_search.py",
    "api/routes/model_search.py",
    "api/scopes.py",  # paths of routes
    "models/trigger_words.py",
}


def test_the_description_lists_exactly_the_registered_names() -> None:
    assert sorted(source.name for source in registry.SOURCES) == sorted(get_args(SourceName))


def test_no_other_module_knows_one_source_from_another() -> None:
    root = Path(sdcpp_restapi.__file__).parent
    modules = {path.relative_to(root).as_posix(): path.read_text("utf-8") for path in root.rglob("*.py")}
    naming = {name for name, text in modules.items() if re.search(r"civitai|hugging_?face", text, re.I)}
    naming = {name for name in naming if not name.startswith("downloads/sources/")}
    assert naming <= DOCUMENTED | {"downloads/__init__.py"}
