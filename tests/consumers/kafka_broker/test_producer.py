"""The one thread that writes."""

from __future__ import annotations

import asyncio
import socket

import pytest

from consumers.kafka_broker import KafkaBroker
from medie_fhir.errors import BrokerUnavailable


async def test_what_waits_for_its_turn_fails_at_once_when_the_producer_is_closed():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and doesn't listen: a broker that is away
        producer = KafkaBroker(f"127.0.0.1:{taken.getsockname()[1]}", bootstrap_timeout_s=0.5).producer()
        sends = [asyncio.create_task(producer.send("t", key=b"k", value=b"v")) for _ in range(8)]
        await asyncio.sleep(0)  # all stand in line; the first looks for the broker
        await asyncio.to_thread(producer.close)
    first, *others = await asyncio.gather(*sends, return_exceptions=True)
    assert isinstance(first, BrokerUnavailable)
    for failure in others:
        with pytest.raises(BrokerUnavailable, match="closed"):
            raise failure
