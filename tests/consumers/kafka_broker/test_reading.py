"""What a real topic holds besides records, and a reading must not wait for: markers, gaps, open transactions."""

from __future__ import annotations

import time

import pytest
from kafka import KafkaProducer

from consumers.broker import TopicPartition
from consumers.kafka_broker import KafkaBroker

pytestmark = pytest.mark.kafka
PATIENCE_S = 30.0


@pytest.fixture
def kafka(kafka_address) -> KafkaBroker:
    return KafkaBroker(kafka_address, bootstrap_timeout_s=10.0)


@pytest.fixture
def transaction(kafka_address, name):
    """A transactional producer, begun."""
    producer = KafkaProducer(bootstrap_servers=kafka_address, transactional_id=name)
    producer.init_transactions()
    producer.begin_transaction()
    yield producer
    producer.close()


def write(producer: KafkaProducer, topic: str, *values: bytes) -> None:
    for value in values:
        producer.send(topic, value=value, key=b"k")
    producer.flush()  # else an abort drops what was never sent, and the broker has nothing to hide


def test_a_marker_of_a_transaction_at_the_end_is_not_waited_for(kafka, name, transaction):
    kafka.create_topics({name: 1})
    write(transaction, name, b"1", b"2")
    transaction.commit_transaction()
    assert [m.value for m in kafka.read(name)] == [b"1", b"2"]
    assert kafka.progress(name, name) == {TopicPartition(name, 0): (None, 3)}


def test_what_its_sender_took_back_is_not_read(kafka, name, transaction):
    kafka.create_topics({name: 1})
    write(transaction, name, b"never")
    transaction.abort_transaction()
    assert list(kafka.read(name)) == []
    transaction.begin_transaction()
    write(transaction, name, b"meant")
    transaction.commit_transaction()
    assert [m.value for m in kafka.read(name)] == [b"meant"]


def test_a_transaction_that_is_still_open_is_not_there_yet(kafka, name, transaction):
    kafka.create_topics({name: 1})
    write(transaction, name, b"open")
    assert list(kafka.read(name)) == []
    transaction.commit_transaction()
    assert [m.value for m in kafka.read(name)] == [b"open"]


def test_gaps_of_a_compacted_topic_are_not_waited_for(kafka, admin, name, kafka_address):
    configs = {"cleanup.policy": "compact", "segment.ms": "1000", "min.cleanable.dirty.ratio": "0.01"}
    admin.create_topics({name: {"num_partitions": 1, "configs": configs}}, wait_for_metadata=True)
    producer = KafkaProducer(bootstrap_servers=kafka_address)
    for number in range(3):  # by their own times a segment each; the last is never compacted
        at = 1_700_000_000_000 + 60_000 * number
        producer.send(name, key=b"k", value=str(number).encode(), timestamp_ms=at).get(PATIENCE_S)
    producer.close()
    deadline = time.monotonic() + PATIENCE_S
    messages = list(kafka.read(name))
    while len(messages) == 3 and time.monotonic() < deadline:
        messages = list(kafka.read(name))
    assert [m.offset for m in messages] == [1, 2]
