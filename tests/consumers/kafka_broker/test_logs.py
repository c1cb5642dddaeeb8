"""The client's log: few lines, and no record in them."""

from __future__ import annotations

import logging

from consumers.kafka_broker.logs import RateLimited, tame


def record(message: str, *args: object, name: str = "kafka.client", level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, message, args, None)


def test_equal_lines_are_counted_instead_of_written(caplog):
    now = [0.0]
    handler = RateLimited(logging.getLogger("out"), seconds=30, monotonic=lambda: now[0])
    for node in range(1000):
        handler.handle(record("node %s is dead", node))
    handler.handle(record("something else"))
    assert [r.getMessage() for r in caplog.records] == ["kafka.client: node 0 is dead", "kafka.client: something else"]
    now[0] = 31.0
    handler.handle(record("node %s is dead", 7))
    assert caplog.records[-1].getMessage() == "kafka.client: node 7 is dead (999 more such lines were held back)"


def test_the_clients_debug_lines_which_hold_records_are_never_written(caplog):
    tame()
    tame()
    client = logging.getLogger("kafka.producer.kafka")
    with caplog.at_level(logging.DEBUG):
        client.debug("Sending (key=%r value=%r)", b"k", b"Mrs. Jones")
        client.info("hello")
        client.warning("a broker is away")
    assert "Jones" not in caplog.text
    assert "hello" not in caplog.text
    assert [r.getMessage() for r in caplog.records if r.name == "consumers.kafka"] == [
        "kafka.producer.kafka: a broker is away"
    ]
    assert len([h for h in logging.getLogger("kafka").handlers if isinstance(h, RateLimited)]) == 1
