"""How each kind of client is made: what the Kafka client's defaults would do wrong, in its own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from consumers.kafka_broker.client import CALL_MS

__all__ = ["READER", "common", "member", "writer"]

READER: Final[Mapping[str, Any]] = {
    "enable_auto_commit": False,
    "isolation_level": "read_committed",  # what its sender took back never happened
    "allow_auto_create_topics": False,
    "metadata_max_age_ms": 30_000,  # so long may a topic be gone, or there again, before we notice
    "fetch_max_bytes": 16 * 1024 * 1024,  # of records that wait in the client; one record may always be larger
    "fetch_max_wait_ms": 100,  # a fetch that waits for partitions at their end keeps the others of its broker waiting
}
"""Of whoever reads a topic, in a group or without."""


def common(servers: list[str], options: Mapping[str, Any], bootstrap_timeout_s: float) -> dict[str, Any]:
    """Of every client; ``options`` are the operator's."""
    return {
        "client_id": "medie-fhir",
        "reconnect_backoff_max_ms": 1000,  # by default 30 s: a broker is back for a minute, and unnoticed
        **options,
        "bootstrap_servers": servers,
        "bootstrap_timeout_ms": int(bootstrap_timeout_s * 1000),
    }


def member(max_poll_interval_s: float, session_timeout_s: float) -> dict[str, Any]:
    """Of a member of a group."""
    return {
        **READER,
        "auto_offset_reset": "none",  # GroupConsumer decides: it tells a new group from one that lost its place
        "max_poll_interval_ms": int(max_poll_interval_s * 1000),
        "session_timeout_ms": int(session_timeout_s * 1000),
        "heartbeat_interval_ms": min(3000, int(session_timeout_s * 1000 / 3)),
    }


def writer(max_record_bytes: int, delivery_timeout_s: float, bootstrap_timeout_s: float) -> dict[str, Any]:
    """Of a producer."""
    return {
        "acks": "all",
        "enable_idempotence": True,
        "compression_type": "zstd",
        "linger_ms": 5,
        "max_block_ms": CALL_MS,
        "bootstrap_timeout_ms": min(CALL_MS, int(bootstrap_timeout_s * 1000)),  # a stop may have to wait for it
        "max_request_size": max_record_bytes,
        "delivery_timeout_ms": int(delivery_timeout_s * 1000),
        "allow_auto_create_topics": False,
    }
