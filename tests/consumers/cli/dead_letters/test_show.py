"""What is shown of a letter, and what is not unless it is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from consumers.cli.dead_letters_views import legible
from medie_fhir.errors import FhirRejected, HashMismatch, NotJson

KEY, VALUE, HEADER = "Zyxomunda", "qwolvarcoma", "brixolated"


def test_no_output_shows_anything_of_the_record_unless_it_is_asked_for(desk: Any) -> None:
    desk.condemn(NotJson(VALUE))
    desk.condemn(FhirRejected(KEY), stage="publish", value=VALUE.encode())
    desk.write(VALUE.encode(), ("__connect.errors.stage", HEADER.encode()), ("y", KEY.encode()), key=KEY.encode())
    seen = [
        desk(*command).output
        for command in (
            *(("list",), ("list", "--json"), ("list", "--settled")),
            *(("show", "0:0"), ("show", "0:1"), ("show", "0:2")),
            *(("redrive", "--all", "--dry-run"), ("redrive", "--stage", "publish", "--inline"), ("redrive", "--all")),
            *(("discard", "--all"), ("list", "--settled"), ("show", "0:3")),
        )
    ]
    assert all(seen)
    for sentinel in (KEY, VALUE, HEADER):
        assert not [line for output in seen for line in output.splitlines() if sentinel in line]


def test_show_tells_the_facts_and_of_the_senders_headers_the_names_and_sizes(desk: Any) -> None:
    desk.condemn(HashMismatch())
    told = desk("show", "0:0").stdout
    for line in (
        "class      HashMismatch",
        "came at    2023-11-14T22:13:20Z",
        f"key        {len(KEY)} bytes",
        "  __connect.errors.exception.class.name: medie_fhir.errors.HashMismatch",
        "  medie.attempts: 2",
        f"  x: {len(HEADER)} bytes",
        "  note: null",
    ):
        assert line in told.splitlines()


def test_the_payload_goes_to_a_pipe_as_it_is_and_the_facts_beside_it(desk: Any) -> None:
    value = b'{"a": 1,  "b": "\xff"}\n'
    desk.condemn(NotJson(), value=value)
    told = desk("show", "0:0", "--payload")
    assert told.stdout_bytes == value
    assert KEY in told.stderr
    assert HEADER in told.stderr
    desk.condemn(NotJson(), value=None)
    assert desk("show", "0:1", "--payload").stdout_bytes == b""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b'{"a":[1]}', '{\n  "a": [\n    1\n  ]\n}'),
        (b'{"a":1,"a":2}', '{"a":1,"a":2}'),
        (b"two\nlines\x1b[31m\r", "two\nlines\\x1b[31m\\r"),
        (b"\xff\x9b", "\\xff\\x9b"),
        (b'"\\ud800"', '"\\ud800"'),
        (b"[" * 100_000, "[" * 100_000),
        ("Größe".encode(), "Größe"),
    ],
)
def test_on_a_terminal_a_payload_is_legible_and_harmless(value: bytes, shown: str) -> None:
    assert legible(value) == shown
