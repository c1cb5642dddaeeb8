"""Which version of a document is the older one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.model import DocumentVersion

VERSIONS = st.builds(
    DocumentVersion,
    version_id=st.sampled_from([None, "1", "2", "10", "a"]),
    last_updated=st.sampled_from(
        [
            *(None, "", "odd", "0001-01-01", "9999-12-31", "2026-05-01", "2026-05-02"),
            *("2026-05-01T10:00:00Z", "2026-05-01T10:00:00+02:00", "2026-05-03T00:00:00-05:00", "2026-05-01T10:00:00"),
        ]
    ),
)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (("2", "2026-05-01T10:00:00Z"), ("1", "2026-05-01T10:00:01Z")),
        (("1", "2026-05-01T12:00:00+02:00"), ("1", "2026-05-01T10:00:01Z")),
        (("1", "2026-05-01"), ("1", "2026-05-02")),
        (("1", "2026-05-01"), ("1", "2026-05-03T00:00:00Z")),
        (("1", "2026-05-01"), ("2", "2026-05-01T00:00:00Z")),
        (("9", None), ("10", None)),
    ],
)
def test_time_decides_and_then_the_number(older: tuple[str, str | None], newer: tuple[str, str | None]) -> None:
    one, other = (DocumentVersion(version_id=v, last_updated=t) for v, t in (older, newer))
    assert one.older_than(other)
    assert not other.older_than(one)


@pytest.mark.parametrize("instant", ["2026-05-01T10:00:00Z", "2026-05-01T23:59:59-05:00", "2026-05-01T00:00:00+14:00"])
def test_a_bare_day_is_not_older_than_an_instant_within_it(instant: str) -> None:
    day, moment = DocumentVersion(last_updated="2026-05-01"), DocumentVersion(last_updated=instant)
    assert not day.older_than(moment)
    assert not moment.older_than(day)


@given(VERSIONS, VERSIONS)
def test_no_two_versions_are_older_than_each_other(one: DocumentVersion, other: DocumentVersion) -> None:
    assert not (one.older_than(other) and other.older_than(one))
    assert not one.older_than(one)
