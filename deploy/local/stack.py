#!/usr/bin/env python3
"""A real Kafka and a real HAPI FHIR server on this machine without Docker, with our topics.

    stack.py up [--kafka-port 19092] [--fhir-port 18080]    start what doesn't run, and write build/stack.env
    stack.py show                                           what is on the FHIR server and on the topics
    stack.py down [--wipe]                                  stop both; --wipe deletes their data too

Data, logs and process ids lie in ``~/.cache/medie-fhir/stack``. Run it with the Python of the project's environment.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "kafka"), str(HERE / "fhir")]  # scripts, and no package

from jvm import CACHE, JvmError  # noqa: E402
from kafka import KafkaAdminClient, TopicPartition  # noqa: E402
from kafka.errors import TopicAlreadyExistsError  # noqa: E402
from local_fhir import LocalFhir  # noqa: E402
from local_kafka import LocalKafka, LocalKafkaError  # noqa: E402

ENV = HERE.parents[1] / "build" / "stack.env"
FOREVER = {"cleanup.policy": "delete", "retention.ms": "-1"}  # the samples' times are long past
TOPICS = {
    "ehr.document-references": (4, FOREVER),
    "medie.extractions": (4, {"cleanup.policy": "compact"}),
    "medie.dead-letters": (1, FOREVER),
}
END = -1  # as Kafka's protocol says: the offset after the last record
LARGEST_RECORD = {"max.message.bytes": str(4 * 1024 * 1024)}
NOT_IN_ERROR = {
    "Condition": "Condition?verification-status:not=entered-in-error",
    "Observation": "Observation?status:not=entered-in-error",
    "Provenance": "Provenance?",
}


def up(kafka: LocalKafka, fhir: LocalFhir) -> None:
    """Start what doesn't run, create the topics that are missing, and write the environment to use."""
    _say("kafka", "starting Apache Kafka …" if kafka.pid is None else "runs already")
    kafka.start()
    _say("kafka", kafka.address)
    _create_topics(kafka.address)
    _say("topics", ", ".join(TOPICS))
    _say("fhir", "starting HAPI FHIR, for about half a minute …" if fhir.pid is None else "runs already")
    fhir.start()
    _say("fhir", fhir.address)
    ENV.parent.mkdir(parents=True, exist_ok=True)
    ENV.write_text(
        f"export MEDIE_KAFKA__BOOTSTRAP_SERVERS={kafka.address}\nexport MEDIE_FHIR__BASE_URL={fhir.address}\n"
    )
    sys.stdout.write(f"\nTo use them:  . {ENV.relative_to(Path.cwd()) if ENV.is_relative_to(Path.cwd()) else ENV}\n")


def down(kafka: LocalKafka, fhir: LocalFhir, *, wipe: bool) -> None:
    """Stop both in good order."""
    for name, server in (("fhir", fhir), ("kafka", kafka)):
        _say(name, "stopping …" if server.pid is not None else "is down")
        if wipe:
            server.wipe()
        else:
            server.stop()
    ENV.unlink(missing_ok=True)


def show(kafka: LocalKafka, fhir: LocalFhir) -> None:
    """Count what holds on the FHIR server, and what lies on the topics."""
    for kind, search in NOT_IN_ERROR.items():
        _say(kind, f"{_total(fhir, search)} current")
    _say("versions", f"{_total(fhir, '_history?')} of all resources, the patients' too")
    admin = KafkaAdminClient(bootstrap_servers=kafka.address)
    try:
        for topic, (partitions, _) in TOPICS.items():
            ends = admin.list_partition_offsets({TopicPartition(topic, n): END for n in range(partitions)})
            _say(topic, f"{sum(place.offset for place in ends.values())} records were written")
    finally:
        admin.close()


def _create_topics(address: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=address)
    try:
        for name, (partitions, policy) in TOPICS.items():
            options = {"num_partitions": partitions, "configs": policy | LARGEST_RECORD}
            try:
                admin.create_topics({name: options}, wait_for_metadata=True)
            except TopicAlreadyExistsError:
                continue
    finally:
        admin.close()


def _total(fhir: LocalFhir, search: str) -> int:
    with urllib.request.urlopen(f"{fhir.address}/{search}&_summary=count", timeout=60) as answer:  # noqa: S310 - ours
        return int(json.load(answer)["total"])


def _say(what: str, found: str) -> None:
    sys.stdout.write(f"{what + ':':<26}{found}\n")
    sys.stdout.flush()


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("command", choices=["up", "down", "show"])
    parser.add_argument(
        "--dir", type=Path, default=CACHE / "stack", help="data, logs, process ids; default: %(default)s"
    )
    parser.add_argument("--kafka-port", type=int, default=19092, help="default: %(default)s")
    parser.add_argument("--fhir-port", type=int, default=18080, help="default: %(default)s")
    parser.add_argument("--wipe", action="store_true", help="with down: delete the data too")
    given = parser.parse_args()
    kafka = LocalKafka(given.dir / "kafka", given.kafka_port)
    fhir = LocalFhir(given.dir / "fhir", given.fhir_port)
    try:
        if given.command == "up":
            up(kafka, fhir)
        elif given.command == "down":
            down(kafka, fhir, wipe=given.wipe)
        else:
            show(kafka, fhir)
    except (JvmError, LocalKafkaError) as error:
        sys.stderr.write(f"stack: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
