"""What a failed TLS handshake means: whose certificate was refused, by whom, and which setting mends it. Pure."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from medie_fhir.errors import FhirNotTrusted

__all__ = ["tls_error"]

_CA = "name the CA that it comes from in fhir.tls.ca_file (fhir.source_tls.ca_file for the source server)"
_OURS = "see fhir.tls.certificate_file and key_file (fhir.source_tls for the source server)"

# X509_V_ERR_… of OpenSSL (https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/).
_BY_CODE = {
    9: "the server's certificate is not valid yet: are both clocks right?",
    10: "the server's certificate has expired: the server needs a new one",
    23: "the server's certificate was revoked: the server needs a new one",
    62: "the server's certificate is for another host name: set fhir.base_url to the name that it is for",
    64: "the server's certificate is for another host: name that one, not the IP address, in fhir.base_url",
    **dict.fromkeys((2, 18, 19, 20, 21), f"the server's certificate comes from a CA that is not known here: {_CA}"),
}
# Alerts that the server sent (RFC 8446 §6), by OpenSSL's names for them, and what our side finds out by itself.
_BY_REASON = {
    "CERTIFICATE_REQUIRED": f"the server asks for a certificate of ours, and none is set: {_OURS}",
    "UNKNOWN_CA": f"the server doesn't know the CA of our certificate: {_OURS}",
    "CERTIFICATE_EXPIRED": f"our certificate has expired: {_OURS}",
    "CERTIFICATE_REVOKED": f"our certificate was revoked: {_OURS}",
    "BAD_CERTIFICATE": f"the server refuses our certificate: {_OURS}",
    "CERTIFICATE_UNKNOWN": f"the server refuses our certificate: {_OURS}",
    "UNSUPPORTED_CERTIFICATE": f"the server refuses our certificate: {_OURS}",
    "ACCESS_DENIED": f"the server refuses our certificate: {_OURS}",
    "HANDSHAKE_FAILURE": f"the server refuses the handshake: it may ask for a certificate of ours; {_OURS}",
    "PROTOCOL_VERSION": "no version of TLS that both sides speak (1.2 at least is needed)",
    "UNSUPPORTED_PROTOCOL": "no version of TLS that both sides speak (1.2 at least is needed)",
    "RECORD_LAYER_FAILURE": "there is no TLS at this address: see the scheme and the port of fhir.base_url",
    "WRONG_VERSION_NUMBER": "there is no TLS at this address: see the scheme and the port of fhir.base_url",
}


def tls_error(error: BaseException, doing: str) -> FhirNotTrusted | None:
    """The error of ours where TLS is what failed, and failed for good; None for a connection that merely broke."""
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = _BY_CODE.get(cause.verify_code, f"the server's certificate is not trusted (code {cause.verify_code})")
            return FhirNotTrusted(f"{doing}: {why}")
        if isinstance(cause, ssl.SSLError) and cause.reason:
            for reason, why in _BY_REASON.items():
                if cause.reason == reason or cause.reason.endswith(f"_ALERT_{reason}"):
                    return FhirNotTrusted(f"{doing}: {why}")
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from: httpx, httpcore and anyio each wrap the error below in one of their own."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
