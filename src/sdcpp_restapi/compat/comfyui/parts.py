"""What routes of this interface are handed besides the parts of the server."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from .prompts import Prompts
from .submit import GraphSubmission
from .uploads import Uploads


async def _prompts(connection: HTTPConnection) -> Prompts:
    prompts: Prompts = connection.app.state.prompts
    return prompts


async def _uploads(connection: HTTPConnection) -> Uploads:
    uploads: Uploads = connection.app.state.uploads
    return uploads


async def _graphs(connection: HTTPConnection) -> GraphSubmission:
    graphs: GraphSubmission = connection.app.state.graphs
    return graphs


Known = Annotated[Prompts, Depends(_prompts)]
Uploaded = Annotated[Uploads, Depends(_uploads)]
Graphs = Annotated[GraphSubmission, Depends(_graphs)]
