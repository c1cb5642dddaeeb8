"""One broker in a Java process of its own. ``local_kafka.py`` is the command.

The class path is resolved once and kept in ``~/.cache/medie-fhir/kafka``.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

__all__ = ["CACHE", "LocalKafka", "LocalKafkaError", "missing_programs", "random_uuid"]

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "medie-fhir" / "kafka"
JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:MaxDirectMemorySize=256m")  # 350 MB instead of 1 GB


class LocalKafkaError(Exception):
    """What is missing, or what the broker said last."""


def missing_programs() -> list[str]:
    """Which of the programs that are needed are not installed."""
    return [program for program in ("java", "mvn") if shutil.which(program) is None]


def class_path() -> str:
    """The broker's jars. Resolved again when pom.xml changes or a jar is gone."""
    pom = HERE / "pom.xml"
    kept = CACHE / f"classpath-{hashlib.sha256(pom.read_bytes()).hexdigest()[:16]}"
    if kept.exists() and all(Path(jar).exists() for jar in kept.read_text().split(os.pathsep)):
        return kept.read_text()
    if missing := missing_programs():
        raise LocalKafkaError(f"not installed: {', '.join(missing)}")
    CACHE.mkdir(parents=True, exist_ok=True)
    fresh = kept.with_suffix(f".{os.getpid()}")
    _run(
        "mvn", "-q", "-B", "-f", str(pom),
        "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:build-classpath",
        "-DincludeScope=runtime", f"-Dmdep.outputFile={fresh}",
    )  # fmt: skip
    fresh.replace(kept)
    return kept.read_text()


class LocalKafka:
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
        self.directory = directory.resolve()
        self.port = port
        self.heap = heap
        self.extra = extra
        self.format_args = format_args
        self._config = self.directory / "server.properties"
        self._data = self.directory / "data"
        self._log = self.directory / "kafka.log"
        self._pid_file = self.directory / "kafka.pid"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """The bootstrap address."""
        return f"127.0.0.1:{self.port}"

    @property
    def nodes(self) -> list[LocalKafka]:
        """Itself: one of one."""
        return [self]

    @property
    def pid(self) -> int | None:
        """The running process, or None: a process id that has gone to another program counts for nothing."""
        try:
            pid = int(self._pid_file.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if str(self._config).encode() in command.split(b"\0") else None

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
        jars = class_path()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._config.write_text(self._properties())
        if not (self._data / "meta.properties").exists():
            identity = () if "-t" in cluster else ("-t", random_uuid())
            tool = ("java", *JVM, "-cp", jars, "kafka.tools.StorageTool", "format", "-c", str(self._config))
            _run(*tool, *cluster, *identity, *self.format_args)
        memory = (f"-Xms{self.heap}", f"-Xmx{self.heap}")
        logging = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [shutil.which("java") or "java", *memory, *JVM, logging, "-cp", jars, "kafka.Kafka", str(self._config)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._pid_file.write_text(str(self._process.pid))

    def await_answer(self, wait_s: float = 60.0) -> None:
        """Return when it answers: a KRaft broker opens its port only when it can serve."""
        deadline = time.monotonic() + wait_s
        while not _answers(self.port):
            if not self._alive() or time.monotonic() > deadline:
                self.stop()
                said = self._log.read_text(errors="replace").splitlines()[-12:]
                raise LocalKafkaError("\n".join(["the broker did not start; its last words:", *said]))
            time.sleep(0.1)

    def stop(self, wait_s: float = 30.0) -> None:
        """Stop it in good order, or by force after ``wait_s``."""
        deadline = time.monotonic() + wait_s
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        while self._alive():
            if time.monotonic() > deadline:
                self._signal(signal.SIGKILL)
            time.sleep(0.1)
        self._pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._signal(signal.SIGKILL)
        while self._alive():
            time.sleep(0.02)

    def pause(self) -> None:
        """Freeze it, as a full disk or a swapping host would."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Thaw it."""
        self._signal(signal.SIGCONT)

    def wipe(self) -> None:
        """Stop it and delete its data."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _properties(self) -> str:
        places = {"{port}": str(self.port), "{controller_port}": str(self.port + 1), "{data}": str(self._data)}
        lines = (HERE / "server.properties").read_text().splitlines()
        properties = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
        text = "".join(f"{key}={value}\n" for key, value in {**properties, **self.extra}.items())
        for place, value in places.items():
            text = text.replace(place, value)
        return text

    def _signal(self, number: signal.Signals) -> None:
        if (pid := self.pid) is not None:
            os.kill(pid, number)

    def _alive(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None  # and lays a child that has ended to rest
        return self.pid is not None


def random_uuid() -> str:
    """An id as Kafka writes it: 22 characters, and no sign at its front that a program would take for an option."""
    while (made := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return made


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own commands
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()[-12:]
        raise LocalKafkaError("\n".join([f"{command[0]} failed:", *said]))
    return done.stdout
