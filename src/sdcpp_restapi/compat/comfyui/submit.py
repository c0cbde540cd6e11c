"""From a graph to a job."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from ...api.app_state import AppState
from ...api.error_handlers import validate
from ...errors import BadRequest
from ...schemas.generation import Accepted, Img2ImgRequest, Txt2ImgRequest
from ...schemas.upscaling import UpscaleRequest, UpscalerRequest
from .choices import list_choices
from .graph import Graph, read_graph
from .graph_request import GraphRequest
from .model_choice import choose_model
from .pictures import Pictures
from .prompts import Prompts, Submitted
from .read_ends import read_request
from .shapes import PromptBody
from .uploads import Uploads


class GraphSubmission:
    """Turns graphs into jobs."""

    def __init__(self, state: AppState, prompts: Prompts, uploads: Uploads) -> None:
        self._state = state
        self._prompts = prompts
        # Jobs are stamped with the current upscaler: no other graph may put one in its place meanwhile.
        self._upscaling = asyncio.Lock()
        self._pictures = Pictures(uploads, state.decoding, state.settings.limits.max_image_pixels)

    async def submit(self, body: PromptBody) -> tuple[Submitted, list[str]]:
        """Store the job of a graph; the prompt, and what of it does not act.

        Raises GraphRefused, BadRequest, RequestValidationError.
        """
        text = _encode(body.prompt)
        if body.prompt_id is not None and self._prompts.has(body.prompt_id):
            raise BadRequest(f"prompt_id: {body.prompt_id!r} is taken by another prompt", field="prompt_id")
        graph = read_graph(body.prompt, await list_choices(self._state))
        request = read_request(graph)
        request.warnings += body.list_warnings()
        async with self._hold_upscaler(request.upscaler):
            accepted = await self._submit_generation(request, body)
        assert isinstance(body.prompt, dict)
        working = request.sampler.id if request.sampler else _find_enlargement(graph)
        order = list(graph.nodes)
        prompt = Submitted(
            prompt_id=body.prompt_id or accepted.job_id,
            job_id=accepted.job_id,
            number=self._prompts.next_number(),
            graph=body.prompt,
            length=len(text),
            client_id=body.client_id,
            before=tuple(order[: order.index(working)]),
            working=working,
            after=tuple(order[order.index(working) + 1 :]),
            ends=tuple(end.id for end in graph.ends),
        )
        # Nothing was awaited since the job was stored: no event of it comes before its prompt is known.
        self._prompts.add(prompt)
        return prompt, accepted.warnings or []

    async def _submit_generation(self, request: GraphRequest, body: PromptBody) -> Accepted:
        common = body.for_job()
        if request.sampler is None:
            return await self._submit_enlargement(request, common)
        assert request.model is not None
        fields = {**common, **request.fields, "model": await choose_model(self._state, request.model)}
        # What a graph says is complete.
        fields["use_architecture_defaults"] = False
        if request.picture is None:
            return await self._state.generations.submit(
                "txt2img", validate(Txt2ImgRequest, fields), told=request.warnings
            )
        picture = await self._pictures.read(request.picture)
        fields["width"], fields["height"] = picture.size
        fields["init_image_base64"] = picture.text
        if request.mask is not None:
            mask = await self._pictures.read_mask(request.mask)
            fields["mask_image_base64"] = mask.text
            if mask.is_black:
                request.warnings.append(
                    f"mask: nothing of {request.mask.name} is masked, so that nothing is drawn anew"
                )
        return await self._state.generations.submit(
            "img2img", validate(Img2ImgRequest, fields), told=request.warnings
        )

    async def _submit_enlargement(self, request: GraphRequest, common: Mapping[str, Any]) -> Accepted:
        assert request.picture is not None
        _, factor = self._state.upscaler.require()
        picture = await self._pictures.read(request.picture)
        fields = {"image_base64": picture.text, "upscale_factor": factor, "repeats": request.repeats}
        return await self._state.upscales.submit(
            validate(UpscaleRequest, {**common, **fields}), told=request.warnings
        )

    @asynccontextmanager
    async def _hold_upscaler(self, name: str | None) -> AsyncIterator[None]:
        """The one that the graph names is the current one within the block, if it names one."""
        if name is None:
            yield
            return
        async with self._upscaling:
            if self._state.upscaler.name != name:
                await self._state.upscaler.load(UpscalerRequest.model_validate({"model_name": name}))
            yield


def _find_enlargement(graph: Graph) -> str:
    return next(node.id for node in graph.nodes.values() if node.type.name == "ImageUpscaleWithModel")


def _encode(prompt: object) -> str:
    """A graph as the history repeats it. Raises BadRequest for what no answer can carry."""
    try:
        text = json.dumps(prompt, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"prompt: it cannot be repeated in an answer: {error}", field="prompt") from None
    return text
