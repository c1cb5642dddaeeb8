"""The records of one partition of the broker in memory: laws."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from consumers.broker import TopicPartition
from consumers.memory_broker.log import PartitionLog


def log_of(count: int) -> PartitionLog:
    log = PartitionLog(TopicPartition("t", 0))
    for number in range(count):
        log.append(b"k", str(number).encode(), (), 1000 * number)
    return log


@given(count=st.integers(0, 20), deletions=st.lists(st.integers(-3, 25)), more=st.integers(0, 5))
def test_a_record_keeps_its_offset_whatever_is_deleted(count, deletions, more):
    log = log_of(count)
    for before in deletions:
        log.delete_before(before)
    assert log.end == count
    for number in range(count, count + more):
        log.append(b"k", str(number).encode(), (), 0)
    assert [int(m.value or b"") for m in log.records] == [m.offset for m in log.records]
    assert [m.offset for m in log.records] == list(range(log.start, count + more))


@given(count=st.integers(0, 20), before=st.integers(0, 20), data=st.data())
def test_what_is_read_begins_at_the_offset_that_was_asked_for(count, before, data):
    log = log_of(count)
    log.delete_before(before)
    offset, many = data.draw(st.integers(log.start, log.end)), data.draw(st.integers(0, 30))
    assert [m.offset for m in log.read(offset, many)] == list(range(offset, min(offset + many, log.end)))


def test_what_was_written_since_begins_with_the_first_record_that_is_not_older():
    log = log_of(4)
    log.append(b"k", b"late", (), 500)
    assert [m.offset for m in log.since(None)] == [0, 1, 2, 3, 4]
    assert [m.offset for m in log.since(1001)] == [2, 3, 4]  # a clock that went back hides nothing
    assert log.since(9000) == []
