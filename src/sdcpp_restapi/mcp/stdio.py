"""The Model Context Protocol over standard input and output, for a server that runs elsewhere."""

from ..client import AsyncClient
from .server import create_server


async def serve_stdio(url: str, api_key: str | None) -> None:
    """Serve one host until it closes standard input. Raises ClientError for a wrong address."""
    async with AsyncClient(url, api_key) as client:
        await create_server(client, reads_files=True).run_stdio_async()
