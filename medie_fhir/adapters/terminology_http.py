"""A FHIR R4 terminology server over HTTP: the port ``TerminologyServer``, with the FHIR client's wire."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from urllib.parse import urlencode

import httpx

from medie_fhir.adapters.fhir_answers import resource_of
from medie_fhir.adapters.fhir_pages import matches
from medie_fhir.adapters.fhir_wire import FHIR_JSON, Ask, FhirWire, Patience
from medie_fhir.adapters.terminology_answers import PATHS, codings, question
from medie_fhir.errors import (
    FhirAnswerInvalid,
    FhirError,
    FhirForbidden,
    FhirNotTrusted,
    FhirRejected,
    FhirThrottled,
    FhirUnauthorized,
    FhirUnfit,
    TerminologyError,
    TerminologyRefused,
    TerminologyRejected,
    TerminologyThrottled,
    TerminologyUnavailable,
)
from medie_fhir.model import Concept, Json
from medie_fhir.settings import TerminologyQuestion

__all__ = ["TerminologyHttp"]

_MOST_BYTES = 1024 * 1024  # an answer is of one code; some servers tell all they know of it
_NOT_OFFERED = ("not-supported", "doesn't offer")  # of an OperationOutcome, with HAPI's 400; of 405 and 501
_REFUSALS = (FhirUnauthorized, FhirForbidden, FhirNotTrusted, FhirUnfit)


class TerminologyHttp:
    """Asks of each value what ``questions`` say of its field, at most ``concurrency`` at once.

    The value goes in the body of a POST, and never in a URL. What may pass by itself is tried again as ``patience``
    says. ``worked``: how many questions the server has answered.
    """

    def __init__(
        self,
        base_url: str,
        questions: Mapping[str, TerminologyQuestion],
        *,
        auth: httpx.Auth | None = None,
        verify: ssl.SSLContext | bool = True,
        patience: Patience | None = None,
        concurrency: int = 8,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._questions = dict(questions)
        self._turns = asyncio.Semaphore(concurrency)
        self._wire = FhirWire(
            self._base,
            headers={},
            auth=auth,
            patience=patience or Patience(timeout=10.0, attempts=3),
            verify=verify,
            sleep=sleep,
            tls="terminology_server.tls",
        )
        self.worked = 0

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._wire.aclose()

    async def code(self, field: str, value: str) -> Concept | None:
        """See :class:`~medie_fhir.ports.TerminologyServer`."""
        asked = self._questions.get(field)
        parameters = question(asked, value) if asked else None
        if asked is None or parameters is None:
            return None
        async with self._turns:
            answered = await self._answer(asked, parameters)
        self.worked += 1
        found = codings(asked, parameters, answered) if answered is not None else ()
        if not found:
            return None
        canonical = asked.concept_map or asked.value_set or asked.system
        return Concept(
            key=f"{found[0].system}|{found[0].code}",
            codings={asked.role: found},
            match="synonym" if asked.operation == "translate" else "rule",
            row=f"{self._base}/{PATHS[asked.operation]} {canonical}",
        )

    async def probe(self) -> None:
        """Return if it answers, whatever it can do. Raises TerminologyError."""
        doing = "asking the terminology server what it can do"
        try:
            answer = await self._wire.ask(Ask("GET", f"{self._base}/metadata", doing))
            resource_of(answer.headers, answer.body, "CapabilityStatement", doing)
        except FhirError as error:
            raise _error_of(error) from None

    async def missing(self) -> tuple[str, ...]:
        """The questions' concept maps and value sets that a search doesn't find.

        Of what isn't there, servers say no more than that it knows no code. Some hold what no search finds, such as
        the value sets that a system implies. Raises TerminologyError.
        """
        named = {("ConceptMap", q.concept_map) for q in self._questions.values() if q.concept_map}
        named |= {("ValueSet", q.value_set) for q in self._questions.values() if q.value_set}
        return tuple([canonical for kind, canonical in sorted(named) if not await self._holds(kind, canonical)])

    async def _holds(self, kind: str, canonical: str) -> bool:
        url, _, version = canonical.partition("|")
        params = {"url": url, **({"version": version} if version else {}), "_elements": "url"}
        doing = f"searching {kind} on the terminology server"
        ask = Ask("GET", f"{self._base}/{kind}?{urlencode(params)}", doing, needs=f"{kind}: search")
        try:
            answer = await self._wire.ask(ask)
            return any(matches(resource_of(answer.headers, answer.body, "Bundle", doing), doing))
        except (FhirRejected, FhirAnswerInvalid):  # it may offer no such search, and still hold it
            return False
        except FhirError as error:
            raise _error_of(error) from None

    async def _answer(self, asked: TerminologyQuestion, parameters: Json) -> Json | None:
        """The operation's Parameters; None where ``$lookup`` finds no such code, which servers say by a 404."""
        doing = f"asking the terminology server to ${asked.operation}"
        ask = Ask(
            "POST",
            f"{self._base}/{PATHS[asked.operation]}",
            doing,
            absent=(HTTPStatus.NOT_FOUND,) if asked.operation == "lookup" else (),
            headers={"Content-Type": FHIR_JSON},
            data=json.dumps(parameters, separators=(",", ":")).encode(),
            limit=_MOST_BYTES,
            needs=PATHS[asked.operation],
        )
        try:
            answer = await self._wire.ask(ask)
            return resource_of(answer.headers, answer.body, "Parameters", doing) if answer.ok else None
        except FhirError as error:
            raise _error_of(error) from None


def _error_of(error: FhirError) -> TerminologyError:
    """The same trouble, of this server: an outage of it must not be taken for one of the FHIR server."""
    message = f"{error} (terminology_server.base_url)"
    match error:
        case FhirThrottled():
            return TerminologyThrottled(message, error.retry_after)
        case FhirRejected() | FhirAnswerInvalid() if any(told in str(error) for told in _NOT_OFFERED):
            return TerminologyRefused(f"{message}: the server lacks the operation")
        case FhirRejected():
            return TerminologyRejected(f"{message}: does it hold what terminology_server.fields name?")
        case _ if isinstance(error, _REFUSALS):
            return TerminologyRefused(message)
    return TerminologyUnavailable(message)
