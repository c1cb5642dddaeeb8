"""Our private key, and the signed assertion that SMART Backend Services has in a secret's place.

SMART App Launch 2.2, "Asymmetric (public key) authentication": RS384 or ES384, ``kid`` in the header, ``iss`` and
``sub`` the client's id, ``aud`` the token URL, ``exp`` five minutes ahead at most, a ``jti`` that never comes again.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from medie_fhir.errors import SettingsError

__all__ = ["KeyClient", "SigningKey", "load_key"]

_JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LIFE_S: Final = 180  # five minutes are the most, by the server's clock, and ours may be ahead of it
_LEAST_RSA_BITS: Final = 2048
_FAMILIES: Final = {"RS384": "RSA", "ES384": "EC"}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, under the name by which the server knows its public half."""

    key: RSAPrivateKey | EllipticCurvePrivateKey = field(repr=False)
    key_id: str
    algorithm: str


class KeyClient:
    """A client that signs (see :class:`~medie_fhir.adapters.fhir_auth.token_server.Client`)."""

    checks = "client_id, key_file, key_id, and this machine's clock"

    def __init__(self, client_id: str, key: SigningKey, *, now: Callable[[], float] = time.time) -> None:
        self.name = f"smart-backend as {client_id}"
        self._client_id = client_id
        self._key = key
        self._now = now

    def proof(self, token_url: str) -> tuple[Mapping[str, str], httpx.Auth | None]:
        """A new assertion for each request."""
        # No iat and no nbf: nobody asks for them, and a clock ahead of the server's would make them a lie.
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": token_url,
            "exp": int(self._now()) + _LIFE_S,
            "jti": str(uuid.uuid4()),
        }
        headers = {"kid": self._key.key_id}
        signed = jwt.encode(claims, self._key.key, algorithm=self._key.algorithm, headers=headers)
        return {"client_assertion_type": _JWT_BEARER, "client_assertion": signed}, None


def load_key(file: Path, key_id: str | None, algorithm: str, where: str) -> SigningKey:
    """The private key of a PEM, a JWK or a JWK Set (RFC 7517).

    In a set it is the one called ``key_id``, or else the only private one that is fit for ``algorithm``.
    Raises SettingsError naming the setting below ``where`` and the file, and nothing of its content.
    """
    here = f"{where}.key_file: {file}"
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{here}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{here}: is neither a PEM nor a JWK (Set)") from None
    if "-----BEGIN" in text:
        key, own_id = _of_pem(text, here), None
    else:
        key, own_id = _of_jwk(text, key_id, algorithm, here)
    named = key_id or own_id
    if not named:
        raise SettingsError(f"{where}.key_id: {file} doesn't say how the key is called, and smart-backend needs a name")
    _check(key, algorithm, here, where)
    return SigningKey(key, named, algorithm)


def _of_pem(text: str, here: str) -> Any:
    try:
        return load_pem_private_key(text.encode(), password=None)
    except TypeError:
        raise SettingsError(f"{here}: is encrypted. Give it without a password, for this user alone to read") from None
    except ValueError:
        raise SettingsError(f"{here}: holds no private key as PEM") from None


def _of_jwk(text: str, key_id: str | None, algorithm: str, here: str) -> tuple[Any, str | None]:
    try:
        said = json.loads(text)
        listed = said.get("keys", [said])
        fit = [jwk for jwk in listed if "d" in jwk and _is_meant(jwk, key_id, algorithm)]
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise SettingsError(f"{here}: is neither a PEM nor a JWK (Set)") from None
    if len(fit) != 1:
        called = f"called {key_id}" if key_id else f"fit for {algorithm}"
        raise SettingsError(f"{here}: holds {len(fit) or 'no'} private keys {called}: one is needed; see key_id")
    try:
        own_id = fit[0].get("kid")
        return jwt.PyJWK(fit[0], algorithm=algorithm).key, own_id if isinstance(own_id, str) else None
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        raise SettingsError(f"{here}: holds a broken JWK, or one that is not fit for {algorithm}") from None


def _is_meant(jwk: Mapping[str, Any], key_id: str | None, algorithm: str) -> bool:
    if key_id and jwk.get("kid") is not None:
        return bool(jwk["kid"] == key_id)
    return jwk.get("kty") == _FAMILIES[algorithm] and jwk.get("alg", algorithm) == algorithm


def _check(key: Any, algorithm: str, here: str, where: str) -> None:
    if algorithm == "RS384" and isinstance(key, RSAPrivateKey):
        if key.key_size < _LEAST_RSA_BITS:
            raise SettingsError(f"{here}: an RSA key of {key.key_size} bits: {_LEAST_RSA_BITS} are the least")
        return
    if algorithm == "ES384" and isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP384R1):
        return
    needed = {"RS384": "an RSA key", "ES384": "an EC key on the curve P-384"}[algorithm]
    raise SettingsError(f"{here}: {where}.algorithm {algorithm} needs {needed}, and this is another")
