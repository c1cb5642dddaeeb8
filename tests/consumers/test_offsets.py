"""The laws of committing, for any order of completion and any gaps between offsets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.broker import TopicPartition
from consumers.offsets import Ledger, PartitionTracker

A, B = TopicPartition("t", 0), TopicPartition("t", 1)
offsets = st.lists(st.integers(0, 200), unique=True, min_size=1, max_size=40).map(sorted)


@st.composite
def completions(draw: st.DrawFn) -> tuple[list[int], list[int], int]:
    """Polled offsets, an order of completion, and how many of them complete."""
    polled = draw(offsets)
    return polled, draw(st.permutations(polled)), draw(st.integers(0, len(polled)))


def tracker_of(polled: list[int], span_limit: int = 1000) -> PartitionTracker:
    tracker = PartitionTracker(1, span_limit)
    for offset in polled:
        tracker.add([offset])
    return tracker


@given(completions())
def test_nothing_is_committed_past_an_unfinished_record(case):
    polled, order, count = case
    tracker = tracker_of(polled)
    for done in range(count):
        tracker.finish([order[done]])
        unfinished = set(order[done + 1 :])
        assert tracker.watermark is not None
        assert all(offset >= tracker.watermark for offset in unfinished)
        assert tracker.unfinished == len(unfinished)


@given(completions())
def test_the_watermark_is_as_high_as_it_may_be(case):
    polled, order, count = case
    tracker = tracker_of(polled)
    for offset in order[:count]:
        tracker.finish([offset])
    rest = order[count:]
    assert tracker.watermark == (min(rest) if rest else polled[-1] + 1)


@given(completions())
def test_the_watermark_never_goes_back(case):
    polled, order, _ = case
    tracker = tracker_of(polled)
    marks = [tracker.watermark]
    for offset in order:
        tracker.finish([offset])
        marks.append(tracker.watermark)
    assert marks == sorted(marks)


@given(completions())
def test_what_was_acknowledged_is_not_due_again(case):
    polled, order, count = case
    tracker = tracker_of(polled)
    for offset in order[:count]:
        tracker.finish([offset])
        if tracker.due is not None:
            tracker.acknowledge(tracker.due)
        assert tracker.due is None


@given(offsets, st.integers(1, 10))
def test_a_partition_is_full_when_too_much_waits_behind_its_first_record(polled, span_limit):
    tracker = tracker_of(polled, span_limit)
    for offset in polled[1:]:
        tracker.finish([offset])
    assert tracker.full == (len(polled) >= span_limit)
    tracker.finish([polled[0]])
    assert not tracker.full


def test_a_tracker_without_records_has_nothing_to_commit():
    tracker = PartitionTracker(1, 10)
    assert tracker.watermark is None
    assert tracker.due is None


def test_what_was_only_polled_is_not_due():
    assert tracker_of([5, 6]).due is None


def test_offset_zero_counts_like_any_other():
    tracker = tracker_of([0])
    tracker.finish([0])
    assert tracker.due == 1


def test_a_late_answer_to_an_older_commit_changes_nothing():
    tracker = tracker_of([0, 1])
    tracker.finish([0])
    tracker.finish([1])
    tracker.acknowledge(2)
    tracker.acknowledge(1)
    assert tracker.due is None


def test_records_out_of_order_and_records_never_polled_are_faults():
    tracker = tracker_of([5])
    with pytest.raises(ValueError, match="4 after 5"):
        tracker.add([4])
    with pytest.raises(KeyError):
        tracker.finish([6])
    tracker.finish([5])
    with pytest.raises(KeyError):
        tracker.finish([5])


def test_results_of_an_earlier_assignment_count_for_nothing():
    ledger = Ledger(10)
    ledger.assign([A])
    before = ledger.accept(A, [3])
    ledger.assign([A])
    now = ledger.accept(A, [3])
    assert not ledger.finish(A, before, [3])
    assert ledger.due([A]) == {}
    assert ledger.finish(A, now, [3])
    assert ledger.due([A]) == {A: 4}


def test_only_what_is_asked_for_is_due():
    ledger = Ledger(10)
    for partition in (A, B):
        ledger.finish(partition, ledger.accept(partition, [0]), [0])
    assert ledger.due([A]) == {A: 1}
    ledger.acknowledge({A: 1})
    assert ledger.due([A, B]) == {B: 1}
    assert ledger.watermarks([A, B]) == {A: 1, B: 1}


def test_what_is_dropped_late_spares_a_newer_assignment():
    ledger = Ledger(10)
    ledger.assign([A])
    epoch = ledger.epoch
    ledger.assign([A])
    ledger.drop([A], epoch)
    ledger.accept(A, [0])
    assert ledger.unfinished(A) == 1
    ledger.drop([A])
    assert ledger.unfinished(A) == 0
    assert ledger.due([A]) == {}


def test_the_full_partitions_are_named():
    ledger = Ledger(2)
    for offset in (0, 1):
        ledger.accept(A, [offset])
    ledger.accept(B, [0])
    assert ledger.full == {A}
