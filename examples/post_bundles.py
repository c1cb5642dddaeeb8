"""Posts the transaction Bundles of a topic (``kafka.bundles``) to a FHIR server, in order, each until it is taken.

    python examples/post_bundles.py localhost:9092 medie.bundles http://localhost:8080/fhir

A start for a writer of your own. Run as many as the topic has partitions, or fewer: one document's Bundles are in one
partition, and must be posted one after the other. Killed at any moment, it posts the last Bundle again, which changes
nothing. The bearer token, if the server asks for one, is in the environment: FHIR_TOKEN.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import closing
from typing import Any

import httpx
from kafka import KafkaConsumer

PATIENCE_S = 120.0  # well below max_poll_interval_ms, when another member would post the same and what follows it
PASSING = {408, 409, 412, 429, 500, 502, 503, 504}


def post(server: httpx.Client, record: Any) -> None:
    """Returns once the server has taken the Bundle. Ends the program where it won't: what follows must wait."""
    place, until, why = f"{record.topic}[{record.partition}]@{record.offset}", time.monotonic() + PATIENCE_S, ""
    while time.monotonic() < until:
        try:
            answer = server.post("", content=record.value)
        except httpx.TransportError as error:
            why = type(error).__name__
        else:
            if answer.is_success:
                return
            why = f"HTTP {answer.status_code}"  # and never the answer's text: servers quote what a patient's note says
            if answer.status_code not in PASSING:
                break
        time.sleep(1)
    sys.exit(f"{place}: {why}: not posted, and not committed")


def main(brokers: str, topic: str, base_url: str) -> None:
    """Reads and posts until it is stopped."""
    headers = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}
    if token := os.environ.get("FHIR_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    options = {"enable_auto_commit": False, "auto_offset_reset": "earliest", "max_poll_interval_ms": 300_000}
    consumer = KafkaConsumer(topic, bootstrap_servers=brokers, group_id="post-bundles", max_poll_records=1, **options)
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit()
    )  # so that the group hears of it, and another takes over at once
    with closing(consumer), httpx.Client(base_url=base_url, headers=headers, timeout=60) as server:
        for record in consumer:
            post(server, record)
            consumer.commit()  # this record's offset, now that the server has it
            print(f"{record.topic}[{record.partition}]@{record.offset}: posted", flush=True)  # noqa: T201 - its log


if __name__ == "__main__":
    main(*sys.argv[1:4])
