"""Records of other clients that break the protocol's word: header names that are no UTF-8."""

from __future__ import annotations

import pytest
from kafka import KafkaProducer

from consumers.kafka_broker import KafkaBroker

pytestmark = pytest.mark.kafka


class Bytes(str):
    """A header name that goes over the wire as these bytes."""

    __slots__ = ("raw",)

    def __new__(cls, raw: bytes) -> Bytes:
        name = super().__new__(cls, "name")
        name.raw = raw
        return name

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        del encoding, errors
        return self.raw


@pytest.mark.parametrize("compression", [None, "zstd"])
def test_a_header_name_that_is_no_utf_8_does_not_stop_its_partition(kafka_address, name, compression):
    broker = KafkaBroker(kafka_address, bootstrap_timeout_s=10.0)
    broker.create_topics({name: 1})
    producer = KafkaProducer(bootstrap_servers=kafka_address, linger_ms=50, compression_type=compression)
    odd = [("ü", b"\xfe"), (Bytes(b"caf\xe9"), b"1"), ("last", b"\xff")]
    for value, headers in ((b"before", [("ü", b"\xff")]), (b"odd \xe9", odd), (b"after", [])):
        producer.send(name, value=value, key=b"k\xe9", headers=headers)
    producer.close()
    before, message, after = broker.read(name)
    assert (before.value, before.headers) == (b"before", (("ü", b"\xff"),))
    assert (message.offset, message.key, message.value) == (1, b"k\xe9", b"odd \xe9")
    assert message.headers == (("ü", b"\xfe"), ("caf\\xe9", b"1"), ("last", b"\xff"))
    assert after.value == b"after"
