"""TLS from the settings: whom we trust, and the certificate that we show, which may be renewed under us."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates

from medie_fhir.errors import SettingsError
from medie_fhir.settings import FhirTls

__all__ = ["tls_context"]

_FILES: Final = ("ca_file", "certificate_file", "key_file")


def tls_context(settings: FhirTls, where: str = "fhir.tls") -> ssl.SSLContext | bool:
    """What httpx takes as ``verify``; True, the CAs known everywhere, where nothing is set.

    ``where``: the name in the settings. Raises SettingsError that names each setting at fault and its file, and
    nothing of what stands in it.
    """
    if settings == FhirTls():
        return True
    if faults := [*_missing(settings, where)] or [*_broken(settings, where)]:
        raise SettingsError("\n".join(faults))
    context = _Renewing(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.ca_file is None:
        context.load_verify_locations(
            cadata=b"".join(httpx.create_ssl_context(trust_env=False).get_ca_certs(binary_form=True))
        )
    context.watch(settings)
    try:
        context.renew()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "reason", None) or type(error).__name__
        raise SettingsError(f"{where}: certificate_file and key_file don't fit together ({reason})") from None
    return context


class _Renewing(ssl.SSLContext):
    """Loads the files of ``watch`` again, once one has changed, before the next connection.

    Certificates live for weeks and consumers for months. Files that don't fit together at this moment (one of two is
    written) are tried again at the next connection. A CA that is left out of a new file is trusted until the restart.
    """

    _settings = FhirTls()
    _seen: tuple[float, ...] = ()

    def watch(self, settings: FhirTls) -> None:
        self._settings = settings

    def renew(self) -> None:
        """Raises OSError and ValueError where the files can't be loaded; the old certificates may then be gone."""
        settings = self._settings
        seen = tuple(file.stat().st_mtime for name in _FILES if (file := getattr(settings, name)) is not None)
        if seen == self._seen:
            return
        if settings.ca_file is not None:
            self.load_verify_locations(settings.ca_file)
        if settings.certificate_file is not None:
            # Without a password OpenSSL would ask the terminal for one.
            self.load_cert_chain(settings.certificate_file, settings.key_file, _password(settings) or "")
        self._seen = seen

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        """As asyncio's and anyio's connections begin."""
        with suppress(OSError, ValueError):
            self.renew()
        return super().wrap_bio(*arguments, **named)


def _missing(settings: FhirTls, where: str) -> Iterator[str]:
    for name in _FILES:
        file: Path | None = getattr(settings, name)
        if file is not None and not file.is_file():
            yield f"{where}.{name}: {file}: no such file"
        elif file is not None and not os.access(file, os.R_OK):
            yield f"{where}.{name}: {file}: not ours to read"
    for name in ("key_file", "key_password"):
        if getattr(settings, name) is not None and settings.certificate_file is None:
            yield f"{where}.{name}: is set without certificate_file"


def _broken(settings: FhirTls, where: str) -> Iterator[str]:
    """OpenSSL says of all that is wrong with a file only "PEM lib": so each is looked at by itself before."""
    for name in ("ca_file", "certificate_file"):
        file: Path | None = getattr(settings, name)
        if file is None:
            continue
        try:
            load_pem_x509_certificates(file.read_bytes())
        except ValueError:
            yield f"{where}.{name}: {file}: holds no certificate as PEM, or a broken one"
    key_file = settings.key_file or settings.certificate_file
    if key_file is None:
        return
    name = "key_file" if settings.key_file else "certificate_file"
    password = _password(settings)
    try:
        load_pem_private_key(key_file.read_bytes(), password.encode() if password else None)
    except TypeError:
        needs = "has no password, and key_password is set" if password else "is encrypted: set key_password"
        yield f"{where}.{name}: {key_file}: the private key {needs}"
    except ValueError:
        doubt = f", or {where}.key_password is not its password" if password else ""
        yield f"{where}.{name}: {key_file}: holds no private key as PEM, or a broken one{doubt}"


def _password(settings: FhirTls) -> str | None:
    return settings.key_password.get_secret_value() if settings.key_password else None
