"""What is in flight, and what may be committed of it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from consumers.broker import Message, TopicPartition
from consumers.flight import Flight
from consumers.lifecycle import Record, State

A, B = TopicPartition("t", 0), TopicPartition("t", 1)
OURS = frozenset({A, B})


def messages(partition: int, *offsets: int, size: int = 10) -> list[Message]:
    return [Message("t", partition, offset, None, b"x" * size) for offset in offsets]


def a_flight(most: int = 4, most_bytes: int = 1000, span_limit: int = 100) -> Flight:
    flight = Flight(most=most, most_bytes=most_bytes, span_limit=span_limit, now=0.0)
    flight.assigned(OURS)
    return flight


def done(records: list[Record]) -> list[Record]:
    for record in records:
        record.move(State.RUNNING)
        record.move(State.DONE)
    return records


def test_all_is_held_back_at_the_most_and_until_half_is_left():
    flight = a_flight(most=4)
    records = flight.accept(messages(0, 0, 1, 2, 3), 0.0)
    assert flight.throttle(OURS, outage=False) == (OURS, frozenset())
    flight.end(done(records[:2]))
    assert flight.throttle(OURS, outage=False) == (frozenset(), frozenset())
    flight.end(done(records[2:3]))
    assert flight.throttle(OURS, outage=False) == (frozenset(), OURS)


class Waited(threading.Condition):
    """Tells that someone has begun to wait; who then holds its lock comes while he does."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.begun.set()
        return super().wait(timeout)


def test_room_is_waited_for_until_half_is_left():
    flight = a_flight(most=4)
    assert flight.wait_room(0.0)
    records = flight.accept(messages(0, 0, 1, 2, 3), 0.0)
    assert not flight.wait_room(0.001)
    flight.end(done(records[:1]))
    assert not flight.wait_room(0.001)
    flight._changed = changed = Waited()
    with ThreadPoolExecutor(1) as other:
        room = other.submit(flight.wait_room, 30.0)
        assert changed.begun.wait(30)
        flight.end(done(records[1:3]))
        assert room.result(30)
    assert flight.throttle(OURS, outage=False) == (frozenset(), OURS)


def test_bytes_hold_back_as_records_do_and_one_record_is_always_taken():
    flight = a_flight(most=10, most_bytes=100)
    assert flight.room == 10
    records = flight.accept(messages(0, 0, size=500), 0.0)
    assert flight.throttle(OURS, outage=False)[0] == OURS
    flight.end(done(records))
    assert flight.throttle(OURS, outage=False)[1] == OURS


def test_an_outage_holds_back_all_for_as_long_as_it_lasts():
    flight = a_flight()
    assert flight.throttle(OURS, outage=True)[0] == OURS
    assert flight.throttle(OURS, outage=True) == (frozenset(), frozenset())
    assert flight.throttle(OURS, outage=False)[1] == OURS


def test_a_partition_that_comes_anew_is_paused_again():
    flight = a_flight()
    flight.throttle(OURS, outage=True)
    flight.lost(frozenset({A}))
    flight.assigned(frozenset({A}))
    assert flight.throttle(OURS, outage=True)[0] == {A}


def test_a_partition_that_was_paused_before_it_was_told_of_is_not_left_so():
    flight = a_flight()
    assert flight.throttle(OURS, outage=True)[0] == OURS
    flight.assigned(frozenset({A}))
    assert flight.throttle(OURS, outage=False) == (frozenset(), OURS)
    assert flight.throttle(OURS, outage=False) == (frozenset(), frozenset())


def test_what_is_given_up_is_forgotten_unless_it_came_anew():
    flight = a_flight()
    flight.end(done(flight.accept(messages(0, 5, 6), 0.0)))
    epoch = flight.revoked(frozenset({A}))
    assert flight.give_up(frozenset({A}), epoch) == {A: 7}
    assert flight.due(OURS, again=False) == {}
    epoch = flight.revoked(frozenset({B}))
    flight.assigned(frozenset({B}))
    flight.end(done(flight.accept(messages(1, 1), 0.0)))
    flight.give_up(frozenset({B}), epoch)
    assert flight.due(OURS, again=False) == {B: 2}


def test_late_ends_of_an_earlier_assignment_move_nothing_and_are_no_longer_in_flight():
    flight = a_flight()
    late = flight.accept(messages(0, 0, 1), 0.0)
    flight.lost(frozenset({A}))
    flight.assigned(frozenset({A}))
    flight.end(done(late))
    assert flight.due(OURS, again=False) == {}
    assert flight.wait_empty(0) == 0


def test_whether_a_partition_is_finished_may_hang_on_what_is_still_to_be_polled():
    flight = a_flight()
    assert flight.finished(A, 2) is None
    records = flight.accept(messages(0, 0, 1), 0.0)
    assert flight.finished(A, 2) is False
    flight.end(done(records))
    assert flight.finished(A, 2) is True
    assert flight.finished(A, 5) is None  # 2 to 4 may be gaps


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 5)), max_size=20), st.randoms(use_true_random=False))
def test_nothing_stays_in_flight_when_all_has_ended(polls, chance):
    flight, records, nexts = a_flight(most=1000), [], [0, 0]
    for partition, count in polls:
        offsets = range(nexts[partition], nexts[partition] + count)
        nexts[partition] += count
        records += flight.accept(messages(partition, *offsets), 0.0)
    chance.shuffle(records)
    flight.end(done(records))
    view = flight.view(1.0, stage="s", running=True, struggling=0, retries=0, waiting=())
    assert (view.in_flight, view.in_flight_bytes, view.finished) == (0, 0, len(records))
    assert flight.due(OURS, again=False) == {p: n for p, n in zip((A, B), nexts, strict=True) if n}
