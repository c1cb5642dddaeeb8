"""Tokens for SASL OAUTHBEARER, by OAuth 2.0's client-credentials grant (RFC 6749, section 4.4)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import quote_plus, urlsplit

import httpx
from kafka.net.sasl.oauth import AbstractTokenProvider
from pydantic import SecretStr

from medie_fhir.errors import BrokerUnavailable, LoginRefused

__all__ = ["ClientCredentials"]

_TIMEOUT_S: Final = 8.0  # asked for on the client's IO thread, where the heartbeats wait meanwhile
_SPARE: Final = 0.2  # of a token's life, at most a minute: then a new one is asked for
_LIFE_S: Final = 300.0  # where the server doesn't say


class ClientCredentials(AbstractTokenProvider):  # type: ignore[misc] # the client has no types
    """One token for all clients of a process, kept until shortly before it expires. Safe for threads.

    Neither the secret nor a token nor the server's answer is in any error, log line or ``repr``.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        secret: SecretStr,
        *,
        scope: str | None = None,
        transport: httpx.BaseTransport | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._url = url
        self._who = (client_id, secret)
        self._form = {"grant_type": "client_credentials", **({"scope": scope} if scope else {})}
        self._transport = transport
        self._now = monotonic
        self._lock = threading.Lock()
        self._token = SecretStr("")
        self._good_until = float("-inf")

    def token(self) -> str:
        """A token that is good for now. Raises LoginRefused, or BrokerUnavailable where the server doesn't answer."""
        with self._lock:
            if self._now() >= self._good_until:
                token, life_s = self._asked()
                self._token = SecretStr(token)
                self._good_until = self._now() + life_s - min(60.0, life_s * _SPARE)
            return self._token.get_secret_value()

    def _asked(self) -> tuple[str, float]:
        client_id, secret = self._who
        where = f"the token server {urlsplit(self._url).hostname}"
        try:
            with httpx.Client(transport=self._transport, timeout=_TIMEOUT_S) as client:
                answer = client.post(
                    self._url,
                    data=self._form,
                    # RFC 6749, section 2.3.1: encoded as a form's fields are
                    auth=httpx.BasicAuth(quote_plus(client_id), quote_plus(secret.get_secret_value())),
                    headers={"Accept": "application/json"},
                )
        except httpx.HTTPError as error:
            raise BrokerUnavailable(f"{where} does not answer ({type(error).__name__})") from None
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
            raise BrokerUnavailable(f"{where} has no token at present (status {answer.status_code})")
        if not answer.is_success:
            raise LoginRefused(
                f"{where} refuses us a token (status {answer.status_code}). Check kafka.security.oauth_token_url,"
                " oauth_client_id, oauth_client_secret and oauth_scope"
            )
        try:
            said = answer.json()
            token, life_s = str(said["access_token"]), float(said.get("expires_in") or _LIFE_S)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise LoginRefused(f"{where} answers with no token. Check kafka.security.oauth_token_url") from None
        return token, life_s
