"""Bytes → one JSON object, or NotJson."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.errors import NotJson
from medie_fhir.event.json_value import load, load_array


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b"1",
        b'"DocumentReference/1"',
        b"{",
        b'{"a": 1,}',
        b'{"a": 1} {}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": 1, "a": 1}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a": "\xff"}',
        '{"a": 1}'.encode("utf-16"),
        '{"a": 1}'.encode("utf-16-le"),
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": ' + b"[" * 100_000,
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    ],
)
def test_what_is_not_one_sound_object_is_refused(value: bytes) -> None:
    with pytest.raises(NotJson):
        load(value)


def test_a_byte_order_mark_is_accepted() -> None:
    assert load(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_an_array_is_read_as_strictly_and_only_where_one_is_asked_for() -> None:
    assert load_array(b'[{"a": 1}]') == [{"a": 1}]
    for value in (b"{}", b"1", b"[NaN]", b'[{"a": 1, "a": 1}]', b'["\\ud800"]', b"[" * 100_000):
        with pytest.raises(NotJson):
            load_array(value)


def test_a_whole_surrogate_pair_is_one_character() -> None:
    assert load(b'{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}


def test_the_message_holds_nothing_of_the_value() -> None:
    with pytest.raises(NotJson) as caught:
        load(b'{"name": "Jane Roe", "name": "Jane Roe"}')
    assert "Roe" not in str(caught.value)
    assert "name" not in str(caught.value)


@given(st.binary())
def test_every_byte_string_is_an_object_or_refused(value: bytes) -> None:
    with suppress(NotJson):
        assert isinstance(load(value), dict)
