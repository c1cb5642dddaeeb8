"""OAuth 2.0's client-credentials grant (RFC 6749, section 4.4), by a secret or by a signed assertion."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Protocol
from urllib.parse import quote_plus, urlsplit

import httpx
from pydantic import SecretStr

from medie_fhir.adapters.fhir_auth.discovery import discovered
from medie_fhir.adapters.fhir_auth.login import fit_token
from medie_fhir.adapters.fhir_auth.token_login import Grant
from medie_fhir.adapters.fhir_auth.token_wire import Said, TokenWire
from medie_fhir.errors import FhirAnswerInvalid, FhirUnauthorized

__all__ = ["Client", "SecretClient", "TokenServer"]

# RFC 6749, section 5.2. Another word is the server's own, and may quote what was sent.
_ERRORS: Final = {
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
}
_LIFE_S: Final = 300.0  # where the server doesn't say
_SCOPE: Final = re.compile(r"[\x20-\x7e]{1,500}")


class Client(Protocol):
    """How we prove to a token server who we are."""

    name: str
    """As whom, without a secret."""
    checks: str
    """The settings, below the login's, that a refusal puts in doubt."""

    def proof(self, token_url: str) -> tuple[Mapping[str, str], httpx.Auth | None]:
        """The form's fields and the request's login."""
        ...


class SecretClient:
    """A client id and its secret, as a token server must take them: by Basic (RFC 6749, section 2.3.1)."""

    checks = "client_id, client_secret"

    def __init__(self, client_id: str, secret: SecretStr) -> None:
        self.name = f"client-credentials as {client_id}"
        self._who = (client_id, secret)

    def proof(self, token_url: str) -> tuple[Mapping[str, str], httpx.Auth | None]:
        """See :class:`Client`."""
        del token_url
        client_id, secret = self._who
        return {}, httpx.BasicAuth(quote_plus(client_id), quote_plus(secret.get_secret_value()))


class TokenServer:
    """Gives tokens for a client. ``token_url`` None: what the FHIR server at ``base_url`` names.

    ``where``: the login's name in the settings. Neither a secret nor a token nor the server's own words are in any
    error, log line or ``repr``.
    """

    def __init__(
        self, client: Client, wire: TokenWire, *, base_url: str, token_url: str | None, scope: str | None, where: str
    ) -> None:
        self.name = client.name
        self._client = client
        self._wire = wire
        self._base_url = base_url
        self._told = token_url
        self._found: str | None = None
        self._scope = scope
        self._where = where

    async def grant(self) -> Grant:
        """A new token.

        Raises FhirUnauthorized where the server refuses us, FhirUnfit where none is named, FhirUnavailable,
        FhirThrottled, FhirNotTrusted and FhirAnswerInvalid.
        """
        url = self._told or self._found or await discovered(self._wire, self._base_url, self._where)
        self._found = None  # until it has worked: the server may have moved its tokens elsewhere
        fields, auth = self._client.proof(url)
        form = {"grant_type": "client_credentials", **({"scope": self._scope} if self._scope else {}), **fields}
        who = f"asking {urlsplit(url).hostname} for a token"
        request = httpx.Request("POST", url, data=form, headers={"Accept": "application/json"})
        said = await self._wire.exchange(who, request, auth)
        if not httpx.codes.is_success(said.status):
            raise self._refused(said, who)
        grant = _grant(said, who, self._where, self._scope)
        self._found = url
        return grant

    def _refused(self, said: Said, who: str) -> FhirUnauthorized:
        word = said.fields.get("error")
        told = word if isinstance(word, str) and word in _ERRORS else "refused"
        checks = ["token_url", self._client.checks, *(["scope"] if self._scope else [])]
        return FhirUnauthorized(
            f"{who}: HTTP {said.status}: {told}. Check {self._where}: {', '.join(checks)}; and what the server knows"
            " of this client"
        )


def _grant(said: Said, who: str, where: str, asked: str | None) -> Grant:
    token = said.fields.get("access_token")
    kind = said.fields.get("token_type", "bearer")
    fit = fit_token(token) if isinstance(token, str) and str(kind).lower() == "bearer" else None
    if fit is None:
        raise FhirAnswerInvalid(f"{who}: HTTP {said.status}: the answer is no bearer token. Check {where}.token_url")
    scope = said.fields.get("scope")
    if isinstance(scope, str) and not _SCOPE.fullmatch(scope):
        scope = "that can't be shown"
    return Grant(fit, _life(said.fields.get("expires_in")), scope if isinstance(scope, str) else asked)


def _life(told: Any) -> float:
    """Seconds. Some servers send a string; what is no time at all is as if nothing was said."""
    try:
        life = float(told)
    except (TypeError, ValueError):
        return _LIFE_S
    return life if 0 < life < float("inf") else _LIFE_S
