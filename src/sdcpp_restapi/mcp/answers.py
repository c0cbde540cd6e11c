"""Jobs as answers of tools: text, pictures, links to files; progress while they run."""

import asyncio
import base64
import mimetypes
from typing import Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, ContentBlock, ImageContent, ResourceLink, TextContent
from starlette.requests import Request

from ..client import AsyncClient
from ..client.job_changes import AnyJob
from ..schemas.jobs import FINAL, JobStatus, JobView
from .pictures import MOST_BYTES, shown
from .shapes import JobReport

# Pictures in one answer; the others are linked.
MOST_SHOWN = 4


async def answer_when_done(
    client: AsyncClient, ctx: Context[Any, Any], job: AnyJob, seconds: float
) -> CallToolResult:
    """Wait so long for a job, telling its progress, then answer with it. Raises ClientError."""
    told = 0.0
    async for seen in client.follow(job, seconds):
        if seen.progress.percentage > told:
            told = seen.progress.percentage
            await ctx.report_progress(told, 100.0, f"{seen.type}: {told:g} %")
    return await answer_with_job(client, ctx, seen)


async def answer_with_job(client: AsyncClient, ctx: Context[Any, Any], job: JobView) -> CallToolResult:
    """A job as it is, with its pictures if it has completed."""
    report = JobReport.of(job, server_url(client, ctx))
    pictures, links = await _files(client, job, report) if job.outputs else ([], [])
    if job.status not in FINAL:
        report.notes.append("It has not ended: call wait_for_job to go on waiting, or cancel_job to stop it.")
    text = TextContent(type="text", text=report.model_dump_json(exclude_defaults=True))
    return CallToolResult(
        content=[text, *pictures, *links],
        structured_content=report.model_dump(mode="json"),
        is_error=job.status is JobStatus.FAILED,
    )


def server_url(client: AsyncClient, ctx: Context[Any, Any]) -> str:
    """Where the one who asks reaches the server: as this request did, if it came over HTTP."""
    request = ctx.request_context.request
    return str(request.base_url).rstrip("/") if isinstance(request, Request) else client.url


async def _files(
    client: AsyncClient, job: JobView, report: JobReport
) -> tuple[list[ContentBlock], list[ContentBlock]]:
    kinds = {path: mimetypes.guess_type(path)[0] or "application/octet-stream" for path in job.outputs}
    drawn = [path for path, kind in kinds.items() if kind.startswith("image/")]
    pictures: list[ContentBlock] = []
    for path in drawn[:MOST_SHOWN]:
        room = MOST_BYTES // min(len(drawn), MOST_SHOWN)
        content, kind, note = await asyncio.to_thread(shown, await client.output(path), room)
        pictures.append(ImageContent(type="image", data=base64.b64encode(content).decode(), mime_type=kind))
        if note:
            report.notes.append(f"{path} is {note}.")
    if len(drawn) > MOST_SHOWN:
        report.notes.append(f"Only {MOST_SHOWN} of {len(drawn)} pictures are shown; the files have all.")
    links: list[ContentBlock] = [
        ResourceLink(uri=file.uri, name=path, mime_type=kinds[path], description=file.url)
        for path, file in zip(job.outputs, report.files, strict=True)
    ]
    return pictures, links
