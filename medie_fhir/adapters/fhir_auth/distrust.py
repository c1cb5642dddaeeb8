"""Whether a request failed because one side doesn't trust the other's certificate, or speaks no TLS at all."""

from __future__ import annotations

import ssl

__all__ = ["distrust"]

# A connection that ends in the middle is a network's or a restarting server's doing, and passes.
_BROKEN = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLWantReadError, ssl.SSLWantWriteError, ssl.SSLSyscallError)
_ANSWERS = {
    "WRONG_VERSION_NUMBER": "it speaks no TLS there: is the URL one of http://, or the port another?",
    "RECORD_LAYER_FAILURE": "it speaks no TLS there: is the URL one of http://, or the port another?",
    "CERTIFICATE_REQUIRED": "it wants a client certificate",
    "HANDSHAKE_FAILURE": "it breaks off the handshake: it may want a client certificate, or another version of TLS",
    "UNKNOWN_CA": "it doesn't know the CA of our client certificate",
    "BAD_CERTIFICATE": "it refuses our client certificate, or wants one",
    "CERTIFICATE_EXPIRED": "our client certificate has expired",
    "CERTIFICATE_REVOKED": "our client certificate is revoked",
}


def distrust(error: BaseException) -> str | None:
    """What is wrong with TLS, in words, where that is why a request failed; None where it failed otherwise.

    The reason stands somewhere among the causes of httpx's error. With TLS 1.3 a server refuses a client certificate
    only after the handshake: the SSLError then comes out of httpx as it is, and must be caught beside httpx.HTTPError.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return f"its certificate is not to be trusted: {seen.verify_message}"
        if isinstance(seen, ssl.SSLError) and not isinstance(seen, _BROKEN):
            reason = seen.reason or type(seen).__name__
            told = next((words for name, words in _ANSWERS.items() if reason.endswith(name)), None)
            return told or f"TLS fails ({reason})"
        seen = seen.__cause__ or seen.__context__
    return None
