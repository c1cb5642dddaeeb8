"""What can't be right about a login's settings, all at once and without asking anyone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydantic import SecretStr

from medie_fhir.adapters.fhir_auth.discovery import is_private
from medie_fhir.adapters.fhir_auth.login import fit_token
from medie_fhir.settings import FhirAuth

__all__ = ["login_faults"]

_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "none": (),
    "basic": ("username", "password"),
    "bearer": (),
    "client-credentials": ("client_id", "client_secret"),
    "smart-backend": ("client_id", "key_file"),
}
_MAY: Final[dict[str, tuple[str, ...]]] = {
    "bearer": ("token", "token_file"),
    "client-credentials": ("token_url", "scope"),
    "smart-backend": ("token_url", "scope", "key_id"),
}
_ALL: Final = (
    *_NEEDS["basic"],
    *_MAY["bearer"],
    "token_url",
    "client_id",
    "client_secret",
    "scope",
    "key_file",
    "key_id",
)


def login_faults(settings: FhirAuth, base_url: str, token: SecretStr | None, where: str, short: str) -> Iterator[str]:
    """A line for each fault. ``where`` and ``short`` are the names of the login and of ``token`` in the settings."""
    yield from _unfit_fields(settings, where)
    if token is not None and settings.kind != "none":
        yield f"{short}: is set beside {where}.kind {settings.kind}: one login is needed"
    for name, secret in ((short, token), (f"{where}.token", settings.token)):
        if secret is not None and fit_token(secret.get_secret_value()) is None:
            yield f"{name}: no token: it is empty, or holds spaces, line ends or letters beyond ASCII"
    if settings.kind == "basic" and ":" in (settings.username or ""):
        yield f"{where}.username: basic can't send one with a colon (RFC 7617)"
    if settings.token_url is not None and not is_private(settings.token_url, base_url):
        yield f"{where}.token_url: with http:// all on the way could read what is sent there: use https://"


def _unfit_fields(settings: FhirAuth, where: str) -> Iterator[str]:
    kind = settings.kind
    given = [name for name in _ALL if getattr(settings, name) is not None]
    for name in _NEEDS[kind]:
        if not _plain(getattr(settings, name)):
            yield f"{where}.{name}: {kind} needs it"
    for name in given:
        if name not in (*_NEEDS[kind], *_MAY.get(kind, ())):
            yield f"{where}.{name}: is set, and {where}.kind {kind} has no use for it"
    if kind == "bearer" and len([name for name in _MAY["bearer"] if name in given]) != 1:
        yield f"{where}.token, {where}.token_file: bearer needs one of the two"


def _plain(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
