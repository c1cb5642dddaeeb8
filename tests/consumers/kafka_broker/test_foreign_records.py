"""Records that only other clients write."""

from __future__ import annotations

import pytest
from kafka import KafkaProducer
from kafka.serializer import Serializer

from consumers.kafka_broker import KafkaBroker

pytestmark = pytest.mark.kafka


class NoKey(Serializer):
    """The client refuses a record without key and value, but for its serializers'."""

    def serialize(self, topic: str, headers: object, data: object) -> None:
        del topic, headers, data


@pytest.fixture
def kafka(kafka_address) -> KafkaBroker:
    return KafkaBroker(kafka_address, bootstrap_timeout_s=10.0)


def test_a_tombstone_without_a_key_is_a_record_like_any_other(kafka, kafka_address, name):
    kafka.create_topics({name: 1})
    producer = KafkaProducer(bootstrap_servers=kafka_address, key_serializer=NoKey())
    producer.send(name, key=b"dropped", value=None, headers=[("h", b"")])
    producer.close()
    [message] = kafka.read(name)
    assert (message.key, message.value, message.headers) == (None, None, (("h", b""),))


@pytest.mark.parametrize("compression", ["gzip", "lz4", "snappy", "zstd"])
def test_every_compression_that_a_sender_may_choose_can_be_read(kafka, kafka_address, name, compression):
    kafka.create_topics({name: 1})
    producer = KafkaProducer(bootstrap_servers=kafka_address, compression_type=compression)
    producer.send(name, key=b"k", value=b"note " * 1000)
    producer.close()
    [message] = kafka.read(name)
    assert message.value == b"note " * 1000
