"""A model behind an OpenAI-compatible HTTP server: vLLM, llama.cpp and their kin.

``POST /v1/chat/completions`` with a JSON Schema (``response_format``, strict), temperature 0 and log probabilities.
(OpenAI API reference, "Create chat completion"; vLLM docs, "OpenAI-compatible server"; llama.cpp ``tools/server``.)

No exception and no log line of this module holds a request's or an answer's body: both are note text.
"""

from __future__ import annotations

import asyncio
import codecs
import json
import re
import ssl
from collections.abc import Iterator
from typing import Any, NoReturn

import httpx
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from medie_fhir.adapters.closing import Closing
from medie_fhir.adapters.engine_pace import NO_LOAD, EnginePace, Load, load_of
from medie_fhir.errors import ModelOutputError, ModelRefused, ModelRejected, ModelUnavailable, SettingsError
from medie_fhir.model import Json
from medie_fhir.ports import ModelAnswer, ModelDescription, ModelRequest, Token
from medie_fhir.telemetry import trace_headers

__all__ = ["OpenAiHttp"]

_BUSY = {408, 425, 429}
_REFUSED = {401, 403, 404}
_METRICS_SECONDS = 5.0
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


class OpenAiHttp(Closing):
    """A ModelServer (see ports) over HTTP.

    ``base_url`` with or without ``/v1``. ``model`` is the name to ask for: with vLLM, the LoRA module's. ``timeout`` is
    for a whole answer, in seconds, further attempts included, and ``per_token`` is added to it for each token that the
    answer may have; ``attempts`` are made in quick succession where the server is not reachable, busy or failing, at
    waits that grow from ``backoff`` seconds, with jitter. ``concurrency`` is the most requests in flight; where the
    server tells its queue, there are fewer while that is long (:mod:`.engine_pace`). ``known`` is what the caller knows
    of the server beyond what it says of itself (the embedded one's adapter digest). Proxies of the environment are not
    used: note text goes where ``base_url`` says.

    Raises SettingsError for a URL that is none.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        timeout: float = 300.0,
        per_token: float = 0.0,
        concurrency: int = 8,
        attempts: int = 3,
        backoff: float = 0.25,
        verify: ssl.SSLContext | bool = True,
        known: ModelDescription | None = None,
    ) -> None:
        self._model = model
        self._timeout = timeout
        self._per_token = per_token
        self._attempts = attempts
        self._backoff = backoff
        self._known = known
        self._pace = EnginePace(concurrency, self._load)
        url = _url(base_url)
        self._where = url.netloc.decode()
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=httpx.Timeout(None, connect=10.0),
            limits=httpx.Limits(max_connections=concurrency + 1),
            trust_env=False,
            verify=verify,
        )

    @property
    def limit(self) -> int:
        """So many requests may be in flight now."""
        return self._pace.limit

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """One answer, as the server gives it: whether it is what the task asks for is the parser's to say."""
        body: Json = {
            "model": self._model,
            "messages": [dict(message) for message in request.messages],
            "temperature": 0,
            "seed": 0,
            "max_tokens": request.max_tokens,
            "logprobs": True,
            "top_logprobs": 1,  # llama.cpp takes 0 as "the default", and that is 20
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": request.json_schema, "strict": True},
            },
        }
        seconds = self._timeout + self._per_token * request.max_tokens
        async with self._pace.turn():
            return _answer(await self._json("POST", "/v1/chat/completions", body, seconds))

    async def describe(self) -> ModelDescription:
        """Which model, adapter and server answer. Raises ModelRefused where the server knows no model of our name."""
        models = await self._json("GET", "/v1/models")
        entries = [e for e in _list(models, "data") if isinstance(e, dict)]
        entry = next((e for e in entries if e.get("id") == self._model), None)
        if entry is None:
            names = ", ".join(sorted(str(e.get("id")) for e in entries)) or "none"
            raise ModelRefused(f"{self._where} has no model {self._model!r}; it has: {names}")
        if self._known is not None:
            return self._known
        parent = entry.get("parent")  # vLLM: the base model of a LoRA module
        base = next((e for e in entries if e.get("id") == parent), entry)
        return ModelDescription(
            model=str(base.get("root") or base.get("id")),
            adapter=self._model if parent else None,
            server=await self._server(str(entry.get("owned_by") or "unknown")),
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pace.aclose()
        await self._client.aclose()

    async def _server(self, name: str) -> str:
        """The server's name and version, where it tells (vLLM does)."""
        try:
            version = (await self._json("GET", "/version")).get("version")
        except (ModelRefused, ModelRejected, ModelOutputError):
            return name
        return f"{name} {version}" if version else name

    async def _load(self) -> Load | None:
        """How much the server has to do, where it tells (vLLM does)."""
        try:
            response = await self._client.get("/metrics", timeout=_METRICS_SECONDS)
        except httpx.HTTPError:
            return None
        if response.is_server_error:
            return None
        return load_of(response.text) if response.is_success else NO_LOAD

    async def _json(self, method: str, path: str, body: Json | None = None, seconds: float | None = None) -> Json:
        """The JSON object that the server answers, within the time for it."""
        seconds = self._timeout if seconds is None else seconds
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(ModelUnavailable),
            stop=stop_after_attempt(self._attempts),
            wait=wait_random_exponential(multiplier=self._backoff, max=8),
            reraise=True,
        )
        try:
            async with asyncio.timeout(seconds):
                return await attempts(self._once, method, path, body)
        except TimeoutError:
            pass  # raised below, so that no request (note text) hangs on the exception
        raise ModelUnavailable(f"{self._where} gave no answer within {seconds:g} s")

    async def _once(self, method: str, path: str, body: Json | None) -> Json:
        try:
            response = await self._client.request(method, path, json=body, headers=trace_headers())
        except httpx.HTTPError as error:
            fault = type(error).__name__  # as above: httpx's exceptions hold the request
        else:
            return self._judged(response)
        raise ModelUnavailable(f"{self._where} is not reachable ({fault})")

    def _judged(self, response: httpx.Response) -> Json:
        """The answer's JSON object, or the error that its status means."""
        status = response.status_code
        content = _loads(response.content)
        if status in _BUSY or response.is_server_error:
            raise ModelUnavailable(f"{self._where} is busy or failing (HTTP {status})")
        if status in _REFUSED:
            raise ModelRefused(
                f"{self._where} refuses us (HTTP {status}{_kind(content)}): check the key, the URL and the"
                f" model's name, {self._model!r}"
            )
        if response.is_client_error:
            raise ModelRejected(f"{self._where} rejects the request (HTTP {status}{_kind(content)})")
        if not response.is_success:
            raise ModelRefused(f"{self._where} answers HTTP {status}: check the URL, no redirect is followed")
        if content is ...:
            # Not the model's doing: a proxy's or a gateway's page. The record is good.
            raise ModelUnavailable(f"{self._where} answers something that is not JSON: is it a model server?")
        if not isinstance(content, dict):
            _strange("is no JSON object")
        return content


def _url(base_url: str) -> httpx.URL:
    """The server's root. Raises SettingsError for what is no http URL."""
    try:
        url = httpx.URL(base_url.rstrip("/").removesuffix("/v1"))
    except httpx.InvalidURL as error:
        raise SettingsError(f"the model server's URL is none: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise SettingsError("the model server's URL must begin with http:// or https:// and name a host")
    return url


def _answer(content: Json) -> ModelAnswer:
    """The first choice of a chat completion. Raises ModelOutputError where it holds no text."""
    choice = next(iter(_list(content, "choices")), None)
    message = choice.get("message") if isinstance(choice, dict) else None
    text = message.get("content") if isinstance(message, dict) else None
    if not isinstance(text, str) or not isinstance(choice, dict):
        _strange("holds no text")
    usage = content.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return ModelAnswer(
        text=text,
        finish_reason=str(choice.get("finish_reason")),
        tokens=tuple(_tokens(choice.get("logprobs"))),
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
    )


def _tokens(logprobs: Any) -> Iterator[Token]:
    """The tokens of ``choice.logprobs``: their texts joined hold the answer's, with vLLM the end of the turn too.

    A character's bytes may be spread over tokens; it then stands with the last of them.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for entry in _list(logprobs, "content"):
        if not isinstance(entry, dict) or not isinstance(logprob := entry.get("logprob"), int | float):
            continue
        yield Token(_text(entry, decoder), float(logprob))


def _text(entry: Json, decoder: codecs.IncrementalDecoder) -> str:
    raw = entry.get("bytes")
    if isinstance(raw, list):
        try:
            return decoder.decode(bytes(raw))
        except (TypeError, ValueError):
            pass  # numbers that are no bytes: take its word for the token
    return str(entry.get("token", ""))


def _list(content: Any, key: str) -> list[Any]:
    found = content.get(key) if isinstance(content, dict) else None
    return found if isinstance(found, list) else []


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _kind(content: Any) -> str:
    """The server's own word for its error, where it is one word: its message may quote the note."""
    error = content.get("error", content) if isinstance(content, dict) else None
    kind = error.get("type") if isinstance(error, dict) else None
    return f", {kind}" if isinstance(kind, str) and _WORD.fullmatch(kind) else ""


def _loads(data: bytes) -> Any:
    """What JSON the bytes are; ``...`` where they are none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return ...


def _strange(what: str) -> NoReturn:
    raise ModelOutputError(f"the model server's answer {what}")
