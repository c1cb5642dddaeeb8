#!/usr/bin/env python3
"""A real Apache Kafka broker, or three, on this machine without Docker: jars from Maven Central, Java processes.

    local_kafka.py start [--dir DIR] [--port PORT] [--heap 256m] [--nodes 3]    prints the bootstrap address
    local_kafka.py stop|kill|pause|resume|status|wipe [--dir DIR] [--node N]    all nodes, or one

Node N listens on PORT + 10 (N - 1), and its controller on the port after that. Needs java (17 or later) and mvn on the
PATH, and only the standard library, so that it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]  # a script, and no package: its neighbours must be found from anywhere

from kafka_node import KEPT, LocalKafka, LocalKafkaError, lacking, random_uuid  # noqa: E402
from ports import free_port  # noqa: E402

__all__ = ["LocalCluster", "LocalKafka", "LocalKafkaError", "free_for", "lacking"]


def free_for(nodes: int = 1) -> int:
    """The port of a first node, where those of all of them and of their controllers are free now."""
    return free_port(*(10 * node + each for node in range(nodes) for each in (0, 1)))


class LocalCluster:
    """Three brokers that are their own controllers: every topic has three replicas, of which two must acknowledge.

    ``nodes`` are the single ones, to be killed, paused and started again; what is asked of the cluster all of them do.
    The cluster's id and the directories' lie in ``directory``, so that it starts again with its data.
    """

    def __init__(self, directory: Path, port: int = 19092, heap: str = "256m", nodes: int = 3) -> None:
        self.directory = directory.resolve()
        ports = [port + 10 * number for number in range(nodes)]
        copies, enough = str(nodes), str(nodes // 2 + 1)
        common = {
            "controller.quorum.bootstrap.servers": ",".join(f"127.0.0.1:{each + 1}" for each in ports),
            "default.replication.factor": copies,
            "min.insync.replicas": enough,
            "offsets.topic.replication.factor": copies,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": enough,
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": enough,
        }
        self.nodes = [
            LocalKafka(self.directory / f"node-{number}", each, heap, {**common, "node.id": str(number)})
            for number, each in enumerate(ports, start=1)
        ]

    @property
    def address(self) -> str:
        """The bootstrap addresses of all."""
        return ",".join(node.address for node in self.nodes)

    def start(self, wait_s: float = 90.0) -> None:
        """Start those that don't run, and return when all answer."""
        self.directory.mkdir(parents=True, exist_ok=True)
        kept = self.directory / "cluster.ids"
        if not kept.exists():
            kept.write_text("\n".join(random_uuid() for _ in range(len(self.nodes) + 1)))
        cluster, *disks = kept.read_text().split()
        members = enumerate(zip(self.nodes, disks, strict=True), start=1)
        voters = ",".join(f"{number}@127.0.0.1:{node.port + 1}:{disk}" for number, (node, disk) in members)
        try:
            for node in self.nodes:
                node.launch(("--initial-controllers", voters, "-t", cluster))
            for node in self.nodes:
                node.await_answer(wait_s)
        except LocalKafkaError:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all in good order, the last ones by force: without a quorum they have none to hand over to."""
        for node in self.nodes:
            node.stop(5.0)

    def kill(self) -> None:
        """End all at once, as a power cut would."""
        for node in self.nodes:
            node.kill()

    def pause(self) -> None:
        """Freeze all."""
        for node in self.nodes:
            node.pause()

    def resume(self) -> None:
        """Thaw all."""
        for node in self.nodes:
            node.resume()

    def wipe(self) -> None:
        """Stop all and delete their data."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("command", choices=["start", "stop", "kill", "pause", "resume", "status", "wipe"])
    parser.add_argument("--dir", type=Path, default=KEPT / "broker")
    parser.add_argument("--port", type=int, default=19092)
    parser.add_argument("--heap", default="256m")
    parser.add_argument("--nodes", type=int, choices=[1, 3], help="default: as many as were started in DIR, or 1")
    parser.add_argument("--node", type=int, help="only this one of them")
    given = parser.parse_args()
    count = given.nodes or len(list(given.dir.glob("node-*"))) or 1
    kafka: LocalKafka | LocalCluster = (LocalKafka if count == 1 else LocalCluster)(given.dir, given.port, given.heap)
    if given.node is not None:
        if not 1 <= given.node <= count:
            parser.error(f"--node is 1 to {count}")
        kafka = kafka.nodes[given.node - 1]
    try:
        if given.command == "status":
            return _status(kafka.nodes)
        getattr(kafka, given.command)()
    except LocalKafkaError as error:
        sys.stderr.write(f"kafka: {error}\n")
        return 1
    if given.command == "start":
        sys.stdout.write(f"{kafka.address}\n")
    return 0


def _status(nodes: Sequence[LocalKafka]) -> int:
    for node in nodes:
        sys.stdout.write(f"{node.directory.name}: {f'pid {node.pid}' if node.pid else 'down'}\n")
    return 0 if all(node.pid for node in nodes) else 1


if __name__ == "__main__":
    sys.exit(main())
