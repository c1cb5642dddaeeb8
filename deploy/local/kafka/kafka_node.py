"""One broker in a Java process of its own. ``local_kafka.py`` is the command.

The class path is resolved once and kept in ``~/.cache/medie-fhir/kafka``.
"""

from __future__ import annotations

import base64
import socket
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from jvm import CACHE, LEAN, JvmError, LocalServer, class_path, missing_programs, run

__all__ = ["KEPT", "LocalKafka", "LocalKafkaError", "lacking", "random_uuid"]

HERE = Path(__file__).resolve().parent
KEPT = CACHE / "kafka"
JVM = (*LEAN, "-XX:MaxDirectMemorySize=256m")

LocalKafkaError = JvmError
"""What is missing, or what the broker said last."""


def lacking() -> list[str]:
    """Which of the programs that are needed are not installed."""
    return missing_programs("java", "mvn")


class LocalKafka(LocalServer):
    """One broker, whose data, log and process id lie in ``directory``. ``port + 1`` is its controller's.

    ``extra`` overrides server.properties key by key (``{port}``, ``{controller_port}`` and ``{data}`` are filled in) at
    each start. ``format_args`` go to the StorageTool when the data are first made: ``--add-scram …`` for a first user.
    """

    def __init__(
        self,
        directory: Path,
        port: int = 19092,
        heap: str = "256m",
        extra: Mapping[str, str] = MappingProxyType({}),
        format_args: Sequence[str] = (),
    ) -> None:
        self._config = directory.resolve() / "server.properties"
        super().__init__("kafka", directory.resolve(), mark=str(self._config))
        self.port = port
        self.heap = heap
        self.extra = extra
        self.format_args = format_args
        self._data = self.directory / "data"

    @property
    def address(self) -> str:
        """The bootstrap address."""
        return f"127.0.0.1:{self.port}"

    @property
    def nodes(self) -> list[LocalKafka]:
        """Itself: one of one."""
        return [self]

    def start(self, wait_s: float = 60.0) -> None:
        """Start it, and return when it answers. Starting a running one does nothing."""
        self.launch()
        self.await_answer(wait_s)

    def launch(self, cluster: Sequence[str] = ("--standalone",)) -> None:
        """Start it, and don't wait. ``cluster`` tells the StorageTool of the quorum that it belongs to."""
        if self.pid is not None:
            return
        if _answers(self.port):
            raise LocalKafkaError(f"port {self.port} is taken by another program")
        jars = class_path(HERE / "pom.xml", KEPT)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._config.write_text(self._properties())
        if not (self._data / "meta.properties").exists():
            identity = () if "-t" in cluster else ("-t", random_uuid())
            tool = ("java", *JVM, "-cp", jars, "kafka.tools.StorageTool", "format", "-c", str(self._config))
            run(*tool, *cluster, *identity, *self.format_args)
        memory = (f"-Xms{self.heap}", f"-Xmx{self.heap}")
        logging = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"
        self._jvm.launch([*memory, *JVM, logging, "-cp", jars, "kafka.Kafka", str(self._config)])

    def await_answer(self, wait_s: float = 60.0) -> None:
        """Return when it answers: a KRaft broker opens its port only when it can serve."""
        self._jvm.await_answer(lambda: _answers(self.port), wait_s)

    def _properties(self) -> str:
        places = {"{port}": str(self.port), "{controller_port}": str(self.port + 1), "{data}": str(self._data)}
        lines = (HERE / "server.properties").read_text().splitlines()
        properties = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
        text = "".join(f"{key}={value}\n" for key, value in {**properties, **self.extra}.items())
        for place, value in places.items():
            text = text.replace(place, value)
        return text


def random_uuid() -> str:
    """An id as Kafka writes it: 22 characters, and no sign at its front that a program would take for an option."""
    while (made := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return made


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
