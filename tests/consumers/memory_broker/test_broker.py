"""What only the in-memory broker can do; what it shares with the real one is in test_broker_contract.py."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from consumers.broker import TopicPartition
from consumers.memory_broker import MemoryBroker
from medie_fhir.errors import BrokerUnavailable

PARTS = [TopicPartition("t", number) for number in range(2)]


class Listener:
    """Gives up partitions when its future is set, and notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, frozenset[TopicPartition]]] = []
        self.answer: Future[dict[TopicPartition, int]] = Future()

    def assigned(self, partitions):
        self.heard.append(("assigned", partitions))

    def revoked(self, partitions):
        self.heard.append(("revoked", partitions))
        return self.answer

    def lost(self, partitions):
        self.heard.append(("lost", partitions))


@pytest.fixture
def broker():
    broker = MemoryBroker(revoke_limit_s=0.01)
    broker.create_topics({"t": 2})
    return broker


def member(broker):
    listener, consumer = Listener(), broker.consumer("t", "g")
    consumer.subscribe(listener)
    return listener, consumer


def test_a_member_that_is_silent_for_too_long_loses_its_partitions_and_joins_again(broker):
    listener, consumer = member(broker)
    broker.append("t", b"k", b"v", (), None)
    [first] = consumer.poll(0, 10)
    broker.expire(consumer)
    with pytest.raises(BrokerUnavailable):
        consumer.commit({first.place: 1})
    assert consumer.poll(0, 10) == [first]
    assert [event for event, _ in listener.heard] == ["assigned", "lost", "assigned"]
    consumer.commit({first.place: 1})
    assert broker.committed("g", first.place) == 1


def test_a_member_that_gives_up_too_slowly_is_not_waited_for(broker, caplog):
    one, first = member(broker)
    first.poll(0, 10)
    two, second = member(broker)
    second.poll(0, 10)
    assert second.assignment() == frozenset()
    first.poll(0, 10)
    second.poll(0, 10)
    assert len(first.assignment()) == len(second.assignment()) == 1
    assert [event for event, _ in one.heard] == ["assigned", "revoked"]
    assert "without a commit" in caplog.text
    assert two.heard == [("assigned", second.assignment())]


def test_partitions_move_no_more_than_they_must(broker):
    broker.create_topics({"wide": 7})
    consumers = []
    for count in range(1, 5):
        consumer = broker.consumer("wide", "g")
        listener = Listener()
        listener.answer.set_result({})
        consumer.subscribe(listener)
        consumers.append(consumer)
        before = {c: c.assignment() for c in consumers}
        for _ in range(count):
            for c in consumers:
                c.poll(0, 1)
        sizes = sorted(len(c.assignment()) for c in consumers)
        assert sum(sizes) == 7
        assert sizes[-1] - sizes[0] <= 1
        assert all(c.assignment() <= before[c] for c in consumers[:-1])  # the old ones only gave
