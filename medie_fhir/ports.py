"""What the library asks of the world: protocols that adapters keep, each with an in-memory twin for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from medie_fhir.model import Concept, Json

__all__ = [
    "Clock",
    "Content",
    "FhirServer",
    "ModelAnswer",
    "ModelDescription",
    "ModelRequest",
    "ModelServer",
    "TerminologyServer",
    "Token",
]


class Clock(Protocol):
    """The time, as a port, so that stations never look at it themselves."""

    def now(self) -> datetime:
        """The present instant, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One chat completion: messages as the adapter was trained on them, the answer's JSON Schema, most tokens."""

    messages: Sequence[Mapping[str, str]]
    json_schema: Json
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Token:
    """One token of an answer and its natural-log probability."""

    text: str
    logprob: float


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """A model's answer. ``tokens`` is empty where the server gives no log probabilities.

    ``cached``: it was given once before, to the same question, and kept; the model was not asked.
    """

    text: str
    finish_reason: str
    tokens: tuple[Token, ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached: bool = False


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What stands behind a model server's URL, for Provenance and ``doctor``."""

    model: str
    adapter: str | None = None
    adapter_digest: str | None = None
    server: str | None = None


class ModelServer(Protocol):
    """Any OpenAI-compatible server: vLLM, llama.cpp."""

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """One answer. Raises ModelUnavailable, ModelRefused, ModelRejected; a strange answer is ModelOutputError."""
        ...

    async def describe(self) -> ModelDescription:
        """Which model, adapter and server answer. Raises ModelUnavailable, ModelRefused."""
        ...


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes behind an attachment's URL, and the media type that the server named."""

    data: bytes
    content_type: str | None = None


class FhirServer(Protocol):
    """A FHIR R4 server, as far as we use one. Resources are JSON objects.

    All raise FhirUnavailable, FhirThrottled, FhirAnswerInvalid, FhirForbidden or FhirUnauthorized where that is what
    happened.
    """

    async def capabilities(self) -> Json:
        """The CapabilityStatement."""
        ...

    async def read(self, resource_type: str, resource_id: str) -> Json | None:
        """A resource, or None where there is none (404, 410)."""
        ...

    async def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
        """All matches, over all pages, in the server's order. Raises FhirRejected for a parameter it doesn't know."""
        ...

    async def history(self, resource_type: str, resource_id: str) -> list[Json]:
        """All versions of a resource, newest first; empty where there is none."""
        ...

    async def transact(self, bundle: Json) -> Json:
        """Post a transaction Bundle, all or nothing; the transaction-response. Raises FhirConflict, FhirRejected."""
        ...

    async def content(self, url: str) -> Content:
        """The bytes behind a relative URL (``Binary/123``) or one under an allowed host.

        Raises ForbiddenUrl without contacting anyone, ContentForbidden, ContentNotFound, ContentTooLarge, BrokenBase64.
        """
        ...


class TerminologyServer(Protocol):
    """What is asked for the values that the tables give no code."""

    async def code(self, field: str, value: str) -> Concept | None:
        """What ``value`` of ``field`` means; None where the server has no code that says just that, or isn't asked.

        Raises TerminologyUnavailable, TerminologyRejected, TerminologyRefused.
        """
        ...
