"""GET /metrics, for Prometheus."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from ..app_state import State

router = APIRouter(tags=["Health"])


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request, state: State) -> Response:
    """Counters and gauges in the text format of Prometheus, or of OpenMetrics where Accept asks for that."""
    text, content_type = await state.metrics.render(
        request.headers.get("accept", ""), request.app.state.traffic
    )
    return Response(text, headers={"content-type": content_type, "cache-control": "no-store"})
