"""The embedded model: llama.cpp inside this process, behind its own OpenAI-compatible port on 127.0.0.1.

For trying out, demos, tests and small loads, with no GPU and no other program. It is asked through
:class:`~medie_fhir.adapters.openai_http.OpenAiHttp`, like any other server.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import xllamacpp

from medie_fhir.errors import DependencyMissing
from medie_fhir.ports import ModelDescription

__all__ = ["LlamaCpp"]


class LlamaCpp:
    """A llama.cpp server with a base model and a LoRA adapter, both GGUF, that lives until :meth:`stop`.

    ``name`` is the model's name in requests. ``context`` is in tokens, for a prompt and its answer. ``threads`` is by
    default one less than the cores, and at most 4. One request is worked on at a time and nothing is kept of the one
    before: the same note gets the same answer, bit for bit, which several slots or a prompt cache would not promise.

    The base model's own chat template is used. Raises DependencyMissing where a file is not there or can't be loaded.
    """

    def __init__(
        self, base: Path, adapter: Path, *, name: str = "medical-ie", context: int = 4096, threads: int | None = None
    ) -> None:
        for file in (base, adapter):
            if not file.is_file():
                raise DependencyMissing(f"{file} is not there; run: medie-fhir models pull")
        self.name = name
        self.api_key = secrets.token_urlsafe(24)  # other users of this machine can reach the port too
        self.description = ModelDescription(
            model=base.stem,
            adapter=adapter.name,
            adapter_digest=hashlib.sha256(adapter.read_bytes()).hexdigest(),
            server=f"llama.cpp (xllamacpp {xllamacpp.__version__})",
        )
        parameters = _parameters(base, adapter, context, threads or _threads())
        parameters.model_alias = {name}
        parameters.api_keys = [self.api_key]
        try:
            self._server: xllamacpp.Server | None = xllamacpp.Server(parameters)
        except RuntimeError as error:
            raise DependencyMissing(
                f"llama.cpp can't load {base} with {adapter}: run medie-fhir models pull"
            ) from error
        self.url = str(self._server.listening_address)
        self._wait(adapter)

    def _wait(self, adapter: Path) -> None:
        """Wait until the server's queue works, and see that the adapter is in.

        This is one request through the queue: a server that is stopped before its queue has begun never ends.
        """
        key = {"Authorization": f"Bearer {self.api_key}"}
        answer = httpx.get(f"{self.url}/lora-adapters", headers=key, timeout=60, trust_env=False)
        if [entry["path"] for entry in answer.json()] != [str(adapter)]:
            raise DependencyMissing(f"llama.cpp did not load {adapter}; run: medie-fhir models pull")

    def stop(self) -> None:
        """Stop the server and free its memory. Once is enough, twice does no harm."""
        self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _threads() -> int:
    """Threads for a machine that does other work too.

    llama.cpp's threads spin while they wait for each other: where another program takes the core of one, all stand
    still (measured: 20 tokens/s with one thread, 1.5 with two, on two busy cores). The cap is for containers, which
    may see more cores than they are allowed to use.
    """
    return max(1, min(4, (os.cpu_count() or 1) - 1))


def _parameters(base: Path, adapter: Path, context: int, threads: int) -> xllamacpp.CommonParams:
    p = xllamacpp.CommonParams()
    p.model.path = str(base)
    p.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
    p.n_ctx = context
    p.n_parallel = 1
    p.cpuparams.n_threads = p.cpuparams_batch.n_threads = threads
    p.n_gpu_layers = 0
    p.cache_prompt = False
    p.cache_ram_mib = 0  # else it keeps up to 8 GiB of former prompts, which are note text
    p.endpoint_slots = False  # else anyone with the key reads the prompts in work
    p.ui = False
    p.cors_origins = ""
    p.verbosity = 0  # above, llama.cpp writes prompts to stderr
    p.warmup = False
    p.port = 0  # a free one
    return p
