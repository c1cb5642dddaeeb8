"""Settings of a login that can't be right are told all at once."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from medie_fhir.adapters.fhir_auth.login_faults import login_faults
from medie_fhir.settings import FhirAuth

S = "s3ntinel"


def faults(short=None, base="https://fhir.example/r4", **settings):
    found = [
        *login_faults(
            FhirAuth.model_validate(settings), base, SecretStr(short) if short else None, "fhir.auth", "fhir.token"
        )
    ]
    assert S not in "".join(found)
    return found


@pytest.mark.parametrize(
    "good",
    [
        {},
        {"short": S},
        {"kind": "basic", "username": "u", "password": S},
        {"kind": "client-credentials", "client_id": "c", "client_secret": S, "scope": "x", "token_url": "https://x/t"},
        {"kind": "client-credentials", "client_id": "c", "client_secret": S, "token_url": "http://127.0.0.1/t"},
        {"kind": "smart-backend", "client_id": "c", "key_file": "k.pem", "key_id": "k", "algorithm": "ES384"},
        {"kind": "bearer", "token_file": "t"},
    ],
)
def test_what_is_right_has_no_faults(good):
    assert faults(**good) == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            {"kind": "basic", "token": S, "client_id": "c"},
            [
                "fhir.auth.username: basic needs it",
                "fhir.auth.password: basic needs it",
                "fhir.auth.token: is set, and fhir.auth.kind basic has no use for it",
                "fhir.auth.client_id: is set, and fhir.auth.kind basic has no use for it",
            ],
        ),
        ({"kind": "basic", "username": "", "password": S}, ["fhir.auth.username: basic needs it"]),
        (
            {"kind": "basic", "username": "a:b", "password": S},
            ["fhir.auth.username: basic can't send one with a colon (RFC 7617)"],
        ),
        ({"kind": "bearer"}, ["fhir.auth.token, fhir.auth.token_file: bearer needs one of the two"]),
        ({"username": "u"}, ["fhir.auth.username: is set, and fhir.auth.kind none has no use for it"]),
        (
            {"kind": "client-credentials", "client_secret": S, "key_file": "k"},
            [
                "fhir.auth.client_id: client-credentials needs it",
                "fhir.auth.key_file: is set, and fhir.auth.kind client-credentials has no use for it",
            ],
        ),
        (
            {"kind": "smart-backend", "client_secret": S},
            [
                "fhir.auth.client_id: smart-backend needs it",
                "fhir.auth.key_file: smart-backend needs it",
                "fhir.auth.client_secret: is set, and fhir.auth.kind smart-backend has no use for it",
            ],
        ),
        (
            {"kind": "client-credentials", "client_id": "c", "client_secret": S, "token_url": "http://id.example/t"},
            ["fhir.auth.token_url: with http:// all on the way could read what is sent there: use https://"],
        ),
    ],
)
def test_what_contradicts_is_named_with_what_to_do(wrong, told):
    assert faults(**wrong) == told


def test_the_short_setting_stands_alone():
    basic = {"kind": "basic", "username": "u", "password": S}
    assert faults(S, **basic) == ["fhir.token: is set beside fhir.auth.kind basic: one login is needed"]


@pytest.mark.parametrize("broken", [f"{S} {S}", f"{S}\n", f"{S}é"])
def test_a_token_that_no_header_can_carry_is_told_before_httpx_quotes_it(broken):
    (short,) = faults(broken)
    (long,) = faults(kind="bearer", token=broken)
    assert short.startswith("fhir.token: no token: ")
    assert long.startswith("fhir.auth.token: no token: ")
