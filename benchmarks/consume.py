"""Consumption alone: our loop against a bare kafka-python loop, on the same records of the same real broker.

Writes build/bench-consume.json: {"name", "value", "unit", "baseline", "ratio"} a row. The bare loop polls, looks at
each value and commits every second, as little as any consumer can do; ours does the same through the broker adapter,
the lanes, the ledger and the retries, with a worker that only looks at the value. Each is run in a process of its own,
in turns, and the fastest of each counts, for other work on the machine only ever slows. The records are like real ones:
a DocumentReference whose text, of random words, is base64. Memory is the process's resident set.

    python benchmarks/consume.py [--events 100000] [--bytes 4096] [--rounds 5] [--kafka HOST:PORT]
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gc
import importlib.util
import json
import logging
import os
import random
import socket
import string
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, KafkaProducer
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

from consumers.broker import Message
from consumers.dead_letters import DeadLetters
from consumers.kafka_broker import KafkaBroker
from consumers.loop import Loop, LoopOptions
from consumers.outcomes import Report

OUT = Path("build/bench-consume.json")
PARTITIONS = 8
EARLY = 10_000  # records after which memory is measured first


def resident_mib() -> float:
    """The memory of this process that is in use now, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Meter:
    """Counts records, and stops when all have come."""

    def __init__(self, expected: int) -> None:
        self.expected, self.count, self.bytes = expected, 0, 0
        self.began = self.cpu = self.early_mib = 0.0

    def see(self, value: bytes) -> bool:
        """A record came; whether it was the last."""
        if not self.count:
            self.began, self.cpu = time.perf_counter(), time.process_time()
        self.count += 1
        self.bytes += len(value)
        if self.count == EARLY:
            self.early_mib = resident_mib()
        return self.count >= self.expected

    def result(self) -> dict[str, float]:
        """What it came to."""
        seconds, cpu = time.perf_counter() - self.began, time.process_time() - self.cpu
        return {
            "per_second": self.count / seconds,
            "cpu_us": 1e6 * cpu / self.count,
            "early_mib": self.early_mib,
            "end_mib": resident_mib(),
        }


def bare(address: str, topic: str, expected: int) -> dict[str, float]:
    """The baseline."""
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=address,
        group_id=uuid.uuid4().hex,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        partition_assignment_strategy=[CooperativeStickyAssignor()],
    )
    meter, committed, ended = Meter(expected), time.monotonic(), False
    while not ended:
        for records in consumer.poll(timeout_ms=1000).values():
            for record in records:
                ended = meter.see(record.value) or ended
        if time.monotonic() - committed > 1:
            consumer.commit()
            committed = time.monotonic()
    consumer.commit()
    result = meter.result()
    consumer.close()
    return result


class Looking:
    """A worker that looks at a record's value."""

    stage = "bench"

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.loop: Loop | None = None

    async def handle(self, message: Message) -> None:
        """Count it."""
        if self.meter.see(message.value or b"") and self.loop is not None:
            self.loop.stop()


def ours(address: str, topic: str, expected: int) -> dict[str, float]:
    """The loop, as the consumers run it."""
    broker, worker = KafkaBroker(address), Looking(Meter(expected))
    producer = broker.producer()
    worker.loop = Loop(
        consumer=broker.consumer(topic, uuid.uuid4().hex),
        worker=worker,
        dead_letters=DeadLetters(producer, "none"),
        report=Report(),
        options=LoopOptions(max_in_flight=2000),
    )
    gc.collect()
    gc.freeze()  # as `medie-fhir run` does
    asyncio.run(worker.loop.run())
    producer.close()
    return worker.meter.result()


def fill(address: str, topic: str, events: int, size: int) -> None:
    """Write the records, each with a key of its own."""
    KafkaBroker(address).create_topics({topic: PARTITIONS})
    producer = KafkaProducer(bootstrap_servers=address, compression_type="zstd", linger_ms=20, batch_size=262_144)
    chance = random.Random(7)
    words = ["".join(chance.choices(string.ascii_lowercase, k=chance.randint(2, 11))) for _ in range(5000)]
    for number in range(events):
        resource = {"resourceType": "DocumentReference", "id": str(number), "status": "current"}
        text = " ".join(chance.choices(words, k=size // 8)).encode()
        frame = len(json.dumps(resource | {"content": [{"attachment": {"data": ""}}]}))
        data = base64.b64encode(text)[: size - frame].decode()
        value = json.dumps(resource | {"content": [{"attachment": {"data": data}}]})
        producer.send(topic, key=b"DocumentReference/%d" % number, value=value.encode())
        if number % 10_000 == 0:
            print(f"\rwriting {number}/{events} …", end="", file=sys.stderr)
    producer.flush()
    producer.close()
    print(f"\rwrote {events} records of {size} bytes", file=sys.stderr)


def local_kafka() -> Any:
    """The module that starts a broker on this machine."""
    path = Path(__file__).parents[1] / "deploy" / "local" / "kafka" / "local_kafka.py"
    spec = importlib.util.spec_from_file_location("local_kafka", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["local_kafka"] = module
    spec.loader.exec_module(module)
    return module


@contextmanager
def broker_at(address: str | None) -> Iterator[str]:
    """A real broker: the one given, or one started here."""
    if address:
        yield address
        return
    local = local_kafka()
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
        free.close()
        kafka = local.LocalKafka(Path(folder) / "kafka", port)
        kafka.start()
        try:
            yield kafka.address
        finally:
            kafka.wipe()


def measured(kind: str, address: str, topic: str, events: int) -> dict[str, float]:
    """One run, in a process of its own."""
    command = [sys.executable, __file__, "--run", kind, "--kafka", address, "--topic", topic, "--events", str(events)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    said = f"{result['per_second']:.0f} records/s, {result['cpu_us']:.1f} µs CPU each, {result['end_mib']:.0f} MiB"
    print(f"{kind:5} {said}", file=sys.stderr)
    return result


def main() -> int:
    """Measure, and write the rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--bytes", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kafka")
    parser.add_argument("--topic", default=f"bench-{uuid.uuid4().hex[:8]}", help=argparse.SUPPRESS)
    parser.add_argument("--run", choices=["bare", "ours"], help=argparse.SUPPRESS)
    asked = parser.parse_args()
    for name in ("kafka", "consumers.kafka"):  # the client complains of its own slowness
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if asked.run:
        run = bare if asked.run == "bare" else ours
        print(json.dumps(run(asked.kafka, asked.topic, asked.events)))
        return 0
    if not asked.kafka and not os.environ.get("CI") and (lacking := local_kafka().lacking()):
        print(f"not measured: a real broker needs {', '.join(lacking)}, or --kafka HOST:PORT", file=sys.stderr)
        return 0
    with broker_at(asked.kafka) as address:
        fill(address, asked.topic, asked.events, asked.bytes)
        runs = [
            (measured("bare", address, asked.topic, asked.events), measured("ours", address, asked.topic, asked.events))
            for _ in range(asked.rounds)
        ]
    baseline = max(bare_run["per_second"] for bare_run, _ in runs)
    loop = max(our_run["per_second"] for _, our_run in runs)
    bare_cpu, our_cpu = (min(pair[side]["cpu_us"] for pair in runs) for side in (0, 1))
    memory = max((our_run for _, our_run in runs), key=lambda run: run["end_mib"])
    rows = [
        {"name": "consume", "value": round(loop), "unit": "records/s", "baseline": round(baseline),
         "ratio": round(baseline / loop, 3)},
        {"name": "consume-cpu", "value": round(our_cpu, 1), "unit": "µs/record", "baseline": round(bare_cpu, 1),
         "ratio": round(our_cpu / bare_cpu, 3)},
        {"name": "consume-memory", "value": round(memory["end_mib"], 1), "unit": "MiB",
         "baseline": round(memory["early_mib"], 1), "ratio": round(memory["end_mib"] / memory["early_mib"], 3)},
    ]  # fmt: skip
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    for row in rows:
        print(json.dumps(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
