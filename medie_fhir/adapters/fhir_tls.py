"""What a failed TLS handshake means: whose certificate was refused, by whom, and which setting mends it. Pure."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

__all__ = ["tls_trouble"]

_CA = "the server's certificate comes from a CA that is not known here: name that CA in {tls}.ca_file"
_OURS = "see {tls}.certificate_file and key_file"
_VERSION = "no version of TLS, or no cipher, that both sides take (TLS 1.2 at least is needed)"
_NO_TLS = "there is no TLS at this address: should its URL begin with http://, or is the port another?"

# X509_V_ERR_… of OpenSSL (https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/).
_BY_CODE = {
    9: "the server's certificate is not valid yet: are both clocks right?",
    10: "the server's certificate has expired: the server needs a new one",
    23: "the server's certificate was revoked: the server needs a new one",
    62: "the server's certificate is for another host name: name that one in its URL",
    64: "the server's certificate is for another host: name that one, and not the IP address, in its URL",
    **dict.fromkeys((2, 18, 19, 20, 21), _CA),
}
# Alerts that the server sent (RFC 8446 §6), by OpenSSL's names for them, and what our side finds out by itself. What is
# not here may pass: a server that restarts breaks handshakes off in many ways.
_BY_REASON = {
    "CERTIFICATE_REQUIRED": f"the server asks for a certificate of ours, and none is set: {_OURS}",
    "UNKNOWN_CA": f"the server doesn't know the CA of our certificate: {_OURS}",
    "CERTIFICATE_EXPIRED": f"our certificate has expired: {_OURS}",
    "CERTIFICATE_REVOKED": f"our certificate was revoked: {_OURS}",
    "BAD_CERTIFICATE": f"the server refuses our certificate, or wants one: {_OURS}",
    "CERTIFICATE_UNKNOWN": f"the server refuses our certificate: {_OURS}",
    "UNSUPPORTED_CERTIFICATE": f"the server refuses our certificate: {_OURS}",
    "ACCESS_DENIED": f"the server refuses our certificate: {_OURS}",
    "HANDSHAKE_FAILURE": f"the server refuses the handshake: it may ask for a certificate of ours; {_OURS}",
    "UNRECOGNIZED_NAME": "the server knows no host of the name that its URL gives",
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": "the server's TLS is too old to be safe (no RFC 5746): it must be renewed",
    **dict.fromkeys(
        ("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "INSUFFICIENT_SECURITY", "NO_SHARED_CIPHER"), _VERSION
    ),
    **dict.fromkeys(("RECORD_LAYER_FAILURE", "WRONG_VERSION_NUMBER"), _NO_TLS),
}


def tls_trouble(error: BaseException, tls: str) -> str | None:
    """What is wrong, in words, where TLS is what failed, and failed for good; None for what may pass by itself.

    ``tls`` is the name of the settings to look at: ``fhir.tls``, ``fhir.source_tls``. With TLS 1.3 a server refuses our
    certificate only after the handshake: that SSLError comes out of httpx as it is, beside httpx.HTTPError.
    """
    for cause in _chain(error):
        why = None
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = _BY_CODE.get(cause.verify_code, f"the server's certificate is not trusted (code {cause.verify_code})")
        elif isinstance(cause, ssl.SSLError):
            reason = getattr(cause, "reason", None) or ""
            why = next((why for name, why in _BY_REASON.items() if f"_{reason}".endswith(f"_{name}")), None)
        if why is not None:
            return why.format(tls=tls)
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from: httpx, httpcore and anyio each wrap the error below in one of their own."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
