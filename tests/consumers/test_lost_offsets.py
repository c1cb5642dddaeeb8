"""A group whose place is no longer on the topic, on both brokers alike."""

from __future__ import annotations

import uuid
from concurrent.futures import Future

import pytest

from consumers.broker import TopicPartition
from medie_fhir.errors import OffsetLost, Policy

EARLIEST = pytest.mark.parametrize("broker_options", [{"offset_lost": "earliest"}], ids=["earliest"])


def numbered(count: int, start: int = 0) -> list[bytes]:
    return [str(i).encode() for i in range(start, start + count)]


class Stream:
    """Ten records in the one partition of a topic, what a group does with them, and what retention does."""

    def __init__(self, broker, name, produce, join, delete_before):
        self.name, self.part = name, TopicPartition(name, 0)
        self._produce, self._join, self._delete_before = produce, join, delete_before
        broker.create_topics({name: 1})
        self.produce(10)

    def produce(self, count: int, start: int = 0) -> None:
        self._produce(self.name, *((b"k", value) for value in numbered(count, start)))

    def join(self, **options):
        return self._join(self.name, self.name, **options)

    def commit(self, offset: int) -> None:
        """A member reads all, commits this offset and leaves."""
        member = self.join()
        member.saw(numbered(10))
        member.do(lambda c: c.commit({self.part: offset}))
        member.end()

    def delete_before(self, offset: int) -> None:
        self._delete_before(self.part, offset)


@pytest.fixture
def stream(broker, name, produce, join, delete_before) -> Stream:
    return Stream(broker, name, produce, join, delete_before)


def test_a_group_that_never_committed_begins_at_the_earliest_record_that_is_left(stream):
    stream.delete_before(4)
    member = stream.join()
    member.saw(numbered(6, 4))
    assert [message.offset for message in member.messages] == [4, 5, 6, 7, 8, 9]


def test_records_that_were_deleted_unread_stop_the_consumer_which_counts_them(stream):
    stream.commit(3)
    stream.delete_before(8)
    error = stream.join().failure()
    assert isinstance(error, OffsetLost)
    assert error.policy is Policy.STOP
    said = f"{stream.name}[0]: the group's offset is 3, the earliest that is left 8: 5 records are lost unread"
    assert said in str(error)
    assert "kafka.offset_lost=earliest" in str(error)
    assert isinstance(stream.join().failure(), OffsetLost)  # a restart doesn't make it forgotten


@EARLIEST
def test_where_the_settings_allow_it_a_group_goes_on_from_the_earliest_that_is_left_and_says_so(stream, caplog):
    stream.commit(3)
    stream.delete_before(8)
    member = stream.join()
    member.saw(numbered(2, 8))
    [warning] = [record for record in caplog.records if record.name == "consumers.lost_offsets"]
    assert warning.levelname == "WARNING"
    assert "offset is 3, the earliest that is left 8: 5 records are lost unread" in warning.getMessage()
    member.do(lambda c: c.commit({stream.part: 10}))
    member.end()
    again = stream.join()
    again.wait(lambda m: m.owned)
    again.polled_again()
    assert again.messages == []


def test_what_was_deleted_after_it_was_committed_is_not_lost(stream):
    stream.commit(10)
    stream.delete_before(10)
    stream.produce(1, 10)
    stream.join().saw([b"10"])


def test_a_place_beyond_the_end_stops_the_consumer_and_is_never_taken_for_the_latest(stream):
    stream.commit(50)
    error = stream.join().failure()
    assert isinstance(error, OffsetLost)
    assert f"{stream.name}[0]: the group's offset is 50, but the topic ends at 10: it was made anew or cut" in str(
        error
    )
    assert "its 10 records from 0 on may be unread" in str(error)


class Nobody:
    """A listener without interest."""

    def assigned(self, partitions):
        pass

    lost = assigned

    def revoked(self, partitions):
        given_up = Future()
        given_up.set_result({})
        return given_up


def poll_often(consumer) -> None:
    for _ in range(30):
        consumer.poll(1.0, 10)


def test_a_consumer_that_stops_for_a_lost_place_does_not_commit_over_it(broker, stream):
    """Else it would lie within the topic again, once that has grown: the records before it would never be read."""
    stream.commit(50)
    consumer = broker.consumer(stream.name, stream.name)
    consumer.subscribe(Nobody())
    with pytest.raises(OffsetLost):
        poll_often(consumer)
    consumer.commit({stream.part: 10})
    consumer.close()
    assert broker.progress(stream.name, stream.name) == {stream.part: (50, 10)}


@EARLIEST
def test_from_a_place_beyond_the_end_a_group_goes_on_from_the_earliest(stream, caplog):
    stream.commit(50)
    stream.join().saw(numbered(10))
    assert "the topic ends at 10" in caplog.text


@EARLIEST
def test_a_running_member_that_retention_overtakes_hears_that_its_partition_comes_anew(stream):
    member = stream.join()
    member.saw(numbered(10))
    member.do(lambda c: c.pause([stream.part]))
    member.polled_again(8)  # a real client has a request under way, for half a second
    stream.produce(10, 10)
    stream.delete_before(15)
    member.do(lambda c: c.resume([stream.part]))
    member.saw(numbered(10) + numbered(5, 15))
    assert [event for event, _ in member.events] == ["assigned", "lost", "assigned"]


@EARLIEST
def test_a_lost_place_of_one_partition_leaves_the_others_alone(broker, produce, join, delete_before, caplog):
    name = f"t-{uuid.uuid4().hex[:12]}"
    broker.create_topics({name: 2})
    produce(name, *((value, value) for value in numbered(40)))
    first = join(name, name)
    first.saw(numbered(40))
    kept, lost = TopicPartition(name, 0), TopicPartition(name, 1)
    first.do(lambda c: c.commit({kept: 5, lost: 0}))
    first.end()
    delete_before(lost, 2)
    by_place = {place: [m.value for m in first.messages if m.place == place] for place in (kept, lost)}
    join(name, name).saw(by_place[kept][5:] + by_place[lost][2:])
    assert f"{name}[1]: the group's offset is 0" in caplog.text
    assert f"{name}[0]" not in caplog.text
