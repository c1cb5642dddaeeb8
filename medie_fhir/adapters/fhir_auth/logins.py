"""From settings to the one login that they ask for."""

from __future__ import annotations

import ssl

import httpx
from pydantic import SecretStr

from medie_fhir.adapters.fhir_auth.assertion import KeyClient, load_key
from medie_fhir.adapters.fhir_auth.login import Basic, Bearer, RotatingBearer
from medie_fhir.adapters.fhir_auth.login_faults import login_faults
from medie_fhir.adapters.fhir_auth.token_login import TokenLogin
from medie_fhir.adapters.fhir_auth.token_server import Client, SecretClient, TokenServer
from medie_fhir.adapters.fhir_auth.token_wire import TokenWire
from medie_fhir.errors import SettingsError
from medie_fhir.settings import FhirAuth

__all__ = ["auth_of"]

_SYSTEM_SCOPE = "system/*.cruds"  # SMART Backend Services always asks for one


def auth_of(
    settings: FhirAuth,
    base_url: str,
    *,
    token: SecretStr | None = None,
    verify: ssl.SSLContext | bool = True,
    where: str = "fhir.auth",
) -> httpx.Auth | None:
    """The login for the FHIR server at ``base_url``, or None.

    ``token``: the setting that is short for a bearer token. ``verify``: TLS for the token server, as httpx takes it.
    ``where``: the login's name in the settings: ``fhir.auth`` (short: ``fhir.token``) or ``fhir.source_auth``.
    Raises SettingsError with all faults at once. Nobody is asked anything before the first request.
    """
    if faults := [*login_faults(settings, base_url, token, where, where.removesuffix("auth") + "token")]:
        raise SettingsError("\n".join(faults))
    match settings.kind:
        case "basic":
            return Basic(settings.username or "", settings.password or SecretStr(""))
        case "bearer" if settings.token_file is not None:
            return RotatingBearer(settings.token_file, f"{where}.token_file")
        case "none" | "bearer":
            steady = token or settings.token
            return Bearer(steady) if steady is not None else None
    tls = f"{where.removesuffix('auth')}tls"
    server = TokenServer(
        _client(settings, where),
        TokenWire(verify, tls),
        base_url=base_url,
        token_url=settings.token_url,
        scope=settings.scope or (_SYSTEM_SCOPE if settings.kind == "smart-backend" else None),
        where=where,
    )
    return TokenLogin(server)


def _client(settings: FhirAuth, where: str) -> Client:
    client_id = settings.client_id or ""
    if settings.client_secret is not None:
        return SecretClient(client_id, settings.client_secret)
    assert settings.key_file is not None  # noqa: S101 - see login_faults
    return KeyClient(client_id, load_key(settings.key_file, settings.key_id, settings.algorithm, where))
