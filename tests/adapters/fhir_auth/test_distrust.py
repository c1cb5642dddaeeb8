"""Which failures of TLS are a matter of trust, and which pass by themselves."""

from __future__ import annotations

import ssl

import pytest

from medie_fhir.adapters.fhir_auth import distrust


def error(reason: str) -> ssl.SSLError:
    made = ssl.SSLError(1, f"[SSL: {reason}] s3ntinel (_ssl.c:1)")
    made.reason = reason
    return made


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "it wants a client certificate"),
        ("TLSV1_ALERT_UNKNOWN_CA", "it doesn't know the CA of our client certificate"),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "our client certificate has expired"),
        ("WRONG_VERSION_NUMBER", "it speaks no TLS there"),
        ("NO_SHARED_CIPHER", "TLS fails (NO_SHARED_CIPHER)"),
    ],
)
def test_a_reason_is_told_in_words(reason, words):
    assert (distrust(error(reason)) or "").startswith(words)


def test_it_is_found_among_the_causes():
    outer = OSError("no connection")
    outer.__cause__ = ValueError("in between")
    outer.__cause__.__context__ = error("SSLV3_ALERT_CERTIFICATE_REVOKED")
    assert distrust(outer) == "our client certificate is revoked"


@pytest.mark.parametrize("other", [OSError("refused"), ssl.SSLEOFError(8, "EOF"), ssl.SSLZeroReturnError(6, "closed")])
def test_an_end_in_the_middle_is_no_matter_of_trust(other):
    assert distrust(other) is None
