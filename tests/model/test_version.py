"""Which version of a document is the older one."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.model import DocumentVersion

NUMBERS = [None, "1", "2", "10", "a"]
TIMES = [
    *(None, "", "odd", "0001-01-01", "9999-12-30", "9999-12-31", "2026-05-01", "2026-05-02"),
    *("2026-05-01T10:00:00Z", "2026-05-01T10:00:00+02:00", "2026-05-03T00:00:00-05:00", "2026-05-01T10:00:00"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T06:00:00Z", "9999-12-31T23:59:59-12:00"),
]
EVERY = [DocumentVersion(version_id=v, last_updated=t) for v, t in product(NUMBERS, TIMES)]
VERSIONS = st.sampled_from(EVERY)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (("2", "2026-05-01T10:00:00Z"), ("1", "2026-05-01T10:00:01Z")),
        (("1", "2026-05-01T12:00:00+02:00"), ("1", "2026-05-01T10:00:01Z")),
        (("1", "2026-05-01"), ("1", "2026-05-02")),
        (("1", "2026-05-01"), ("1", "2026-05-03T00:00:00Z")),
        (("1", "2026-05-01"), ("2", "2026-05-01")),
        (("1", "2026-05-01T12:00:00+02:00"), ("2", "2026-05-01T10:00:00Z")),
        (("9", None), ("10", None)),
        (("9", "odd"), ("10", None)),
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


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("1", "2026-05-01"), ("2", "2026-05-01T00:00:00Z")),
        (("1", "2026-05-01T10:00:00Z"), ("2", None)),
        (("1", "2026-05-01T10:00:00Z"), ("a", None)),
        (("1", None), (None, "2026-05-01T10:00:00Z")),
        ((None, None), ("1", None)),
        ((None, None), (None, None)),
        (("a", None), ("b", None)),
    ],
)
def test_what_has_nothing_in_common_cannot_be_told(one: tuple[str, str | None], other: tuple[str, str | None]) -> None:
    this, that = (DocumentVersion(version_id=v, last_updated=t) for v, t in (one, other))
    assert not this.older_than(that)
    assert not that.older_than(this)


@given(VERSIONS, VERSIONS)
def test_no_two_versions_are_older_than_each_other(one: DocumentVersion, other: DocumentVersion) -> None:
    assert not (one.older_than(other) and other.older_than(one))
    assert not one.older_than(one)


def test_what_is_older_than_an_older_one_is_older_whatever_senders_send() -> None:
    pairs = [(one, other) for one, other in product(EVERY, EVERY) if one.older_than(other)]
    assert len(pairs) > len(EVERY)
    assert [(one, two, three) for (one, two), three in product(pairs, EVERY) if _skips(one, two, three)] == []


@given(st.lists(VERSIONS, min_size=1, max_size=6).flatmap(lambda came: st.tuples(st.just(came), st.permutations(came))))
def test_in_whatever_order_versions_come_none_of_which_a_newer_one_is_known_is_missed(
    came: tuple[list[DocumentVersion], list[DocumentVersion]],
) -> None:
    newest = {one for one in came[0] if not any(one.older_than(other) for other in came[0])}
    known: list[DocumentVersion] = []
    for one in came[1]:
        if not any(one.older_than(other) for other in known):
            known.append(one)
    assert newest
    assert newest <= set(known)
    assert known[-1] in newest


@given(st.permutations([DocumentVersion(version_id=str(n)) for n in range(1, 7)]))
def test_numbered_versions_end_in_the_newest_in_whatever_order_they_come(came: list[DocumentVersion]) -> None:
    known: list[DocumentVersion] = []
    for one in came:
        if not any(one.older_than(other) for other in known):
            known.append(one)
    assert known[-1].version_id == "6"


def test_a_later_time_ends_with_the_calendar() -> None:
    last = DocumentVersion(last_updated="9999-12-31T23:59:59Z")
    assert not last.later(timedelta(hours=1)).older_than(last)


def _skips(one: DocumentVersion, two: DocumentVersion, three: DocumentVersion) -> bool:
    return two.older_than(three) and not one.older_than(three)
