"""The session of one child with llama.cpp: one model, one conversation in memory."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cyllama.llama import llama_cpp
from cyllama.llama.token_decoder import TokenDecoder
from cyllama.utils.json_schema_to_grammar import json_schema_to_grammar
from pydantic import BaseModel

from ....errors import JobCancelled, LlmFailed
from ....schemas.chat import Chat
from ....schemas.llama import Complete, Completed, Piece, Ready
from ...reasoning_filter import OPEN
from .chat_template import ChatTemplate

# Levels of llama.cpp's log.
WARNING, ERROR = 3, 4
# Tokens read at once, between two looks at whether the answer is still wanted.
BATCH = 512
# Ollama's defaults; small models repeat themselves without them.
TOP_K, TOP_P = 40, 0.9
PENALTY, PENALISED = 1.1, 64


class ChatSession:
    """One loaded model and its context. All methods except `cancel` are called in one thread."""

    def __init__(self, path: Path, report: Callable[[BaseModel], None]) -> None:
        self._path = path
        self._report = report
        self._warnings: list[str] = []
        self._cancelled = False
        # The tokens that the context holds: what the next conversation has in common is not read again.
        self._cached: list[int] = []
        self._opening = ""
        self._context: Any = None

    def load(self, threads: int, context: int, gpu_layers: int) -> Ready:
        """Read the weights. Raises LlmFailed with llama.cpp's message."""
        started = time.monotonic()
        llama_cpp.set_log_callback(self._on_log)
        llama_cpp.ggml_backend_load_all()
        params = llama_cpp.LlamaModelParams()
        params.n_gpu_layers = gpu_layers
        try:
            self._model = llama_cpp.LlamaModel(str(self._path), params)
        except (ValueError, OSError, RuntimeError) as error:
            raise LlmFailed(f"{self._path.name} cannot be loaded: {self._explain(error)}") from None
        self._vocab = self._model.get_vocab()
        self._context = self._open_context(threads, min(context, self._model.n_ctx_train))
        bos, eos = (self._text_of(token) for token in (self._vocab.token_bos(), self._vocab.token_eos()))
        self._bos = bos
        self._template = ChatTemplate(self._model.get_default_chat_template(), bos=bos, eos=eos)
        return Ready(
            description=self._model.desc, context=self._context.n_ctx, seconds=time.monotonic() - started
        )

    def begin(self) -> None:
        """Reset an earlier cancel before the next conversation."""
        self._cancelled = False
        self._context.cancel = False

    def cancel(self) -> None:
        """Stop answering, also while the conversation is being read; from any thread."""
        self._cancelled = True
        self._context.cancel = True

    def complete(self, command: Complete) -> Completed:
        """The assistant's next message, reported in pieces too. Raises LlmFailed or JobCancelled."""
        started = time.monotonic()
        tokens = self._tokenize(command.chat)
        sampler = self._create_sampler(command.chat)
        known = self._reuse_cache(tokens)
        try:
            self._read(tokens[known:], known)
            made, text = self._generate(command, sampler, len(tokens))
        except InterruptedError:
            raise JobCancelled from None
        self._cached = tokens + made[:-1]
        return Completed(
            id=command.id,
            text=text,
            read_tokens=len(tokens) - known,
            made_tokens=len(made),
            seconds=time.monotonic() - started,
        )

    # ------------------------------------------------------------ reading

    def _tokenize(self, chat: Chat) -> list[int]:
        text = self._template.render(chat.messages)
        # Some templates open the reasoning themselves; the answer's reader has to see that.
        self._opening = OPEN if text.rstrip().endswith(OPEN) else ""
        # Most templates write the first token themselves.
        add = not (self._bos and text.startswith(self._bos))
        tokens: list[int] = self._vocab.tokenize(text, add_special=add, parse_special=True)
        if len(tokens) >= self._context.n_ctx:
            raise LlmFailed(
                f"The conversation has {len(tokens)} tokens, {self._path.name} takes {self._context.n_ctx} "
                "(setting llm.context)"
            )
        return tokens

    def _reuse_cache(self, tokens: list[int]) -> int:
        """How many of the first tokens the context holds already; what it holds beyond them is removed."""
        cached, self._cached = self._cached, []
        # At least one must be read, to have something to sample from.
        pairs = zip(cached, tokens[:-1], strict=False)
        known = next(
            (i for i, (old, new) in enumerate(pairs) if old != new), min(len(cached), len(tokens) - 1)
        )
        # A sliding window may have lost what it needs there, a recurrent memory cannot go back at all.
        slid = 0 < self._model.n_swa < len(cached)
        if slid or not self._context.memory_seq_rm(0, known, -1):
            self._context.kv_cache_clear()
            return 0
        return known

    def _read(self, tokens: list[int], position: int) -> None:
        for start in range(0, len(tokens), BATCH):
            self._decode(tokens[start : start + BATCH], position + start)

    def _decode(self, tokens: list[int], position: int) -> None:
        if self._cancelled:
            raise InterruptedError
        self._context.decode(llama_cpp.llama_batch_get_one(tokens, position))

    # ------------------------------------------------------------ writing

    def _generate(self, command: Complete, sampler: Any, position: int) -> tuple[list[int], str]:
        """The tokens of the answer (the last is not in the context yet), and its text."""
        decoder = TokenDecoder(self._vocab)
        made: list[int] = []
        text = self._report_piece(command.id, self._opening)
        for place in range(position, min(position + command.chat.max_tokens, self._context.n_ctx)):
            if made:
                self._decode(made[-1:], place - 1)
            token = sampler.sample(self._context, -1)
            made.append(token)
            if self._vocab.is_eog(token):
                break
            text += self._report_piece(command.id, decoder.decode(token))
        return made, text + self._report_piece(command.id, decoder.flush())

    def _report_piece(self, call_id: int, piece: str) -> str:
        if piece:
            self._report(Piece(id=call_id, text=piece))
        return piece

    def _create_sampler(self, chat: Chat) -> Any:
        sampler = llama_cpp.LlamaSampler(llama_cpp.LlamaSamplerChainParams())
        if chat.answer_schema is not None:
            sampler.add_grammar(self._vocab, json_schema_to_grammar(chat.answer_schema), "root")
        else:
            sampler.add_penalties(self._vocab.n_vocab, PENALISED, PENALTY, 0.0, 0.0)
        if chat.temperature == 0:
            sampler.add_greedy()
            return sampler
        sampler.add_top_k(TOP_K)
        sampler.add_top_p(TOP_P, 1)
        sampler.add_temp(chat.temperature)
        sampler.add_dist(int.from_bytes(os.urandom(4)))
        return sampler

    # ------------------------------------------------------------ loading

    def _open_context(self, threads: int, size: int) -> Any:
        params = llama_cpp.LlamaContextParams()
        params.n_ctx = size
        params.n_batch = BATCH
        params.n_threads = params.n_threads_batch = threads
        try:
            context = llama_cpp.LlamaContext(self._model, params)
        except (ValueError, RuntimeError, MemoryError) as error:
            raise LlmFailed(f"{self._path.name} cannot be used: {self._explain(error)}") from None
        context.install_cancel_callback()
        return context

    def _text_of(self, token: int) -> str:
        return str(self._vocab.token_to_piece(token, special=True)) if token >= 0 else ""

    def _on_log(self, level: int, text: str) -> None:
        if level in (WARNING, ERROR):
            self._warnings.append(" ".join(text.split()))

    def _explain(self, error: Exception) -> str:
        return "; ".join(self._warnings[-3:]) or str(error)
