"""One Java server on this machine: its jars from Maven Central, its process by a process id that lies in a file.

Needs only the standard library, so that it runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["CACHE", "LEAN", "Jvm", "JvmError", "LocalServer", "class_path", "fingerprint", "missing_programs", "run"]

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "medie-fhir"
LEAN = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # starts in half the time, in half the memory


class JvmError(Exception):
    """What is missing, or what the server said last."""


def missing_programs(*programs: str) -> list[str]:
    """Which of the programs are not installed."""
    return [program for program in programs if shutil.which(program) is None]


def run(*command: str) -> str:
    """Run a command to its end and return what it printed. Raises JvmError with its last words."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own commands
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()[-12:]
        raise JvmError("\n".join([f"{command[0]} failed:", *said]))
    return done.stdout


def fingerprint(*files: Path) -> str:
    """Names what is made of these files: 16 hex digits of the SHA-256 over them."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def class_path(pom: Path, cache: Path) -> str:
    """The jars that a pom.xml asks for, resolved once and again when it changes or a jar is gone."""
    kept = cache / f"classpath-{fingerprint(pom)}"
    if kept.exists() and all(Path(jar).exists() for jar in kept.read_text().split(os.pathsep)):
        return kept.read_text()
    if missing := missing_programs("java", "mvn"):
        raise JvmError(f"not installed: {', '.join(missing)}")
    cache.mkdir(parents=True, exist_ok=True)
    fresh = kept.with_suffix(f".{os.getpid()}")
    run(
        "mvn", "-q", "-B", "-f", str(pom),
        "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:build-classpath",
        "-DincludeScope=runtime", f"-Dmdep.outputFile={fresh}",
    )  # fmt: skip
    fresh.replace(kept)
    return kept.read_text()


class Jvm:
    """A process whose id and log lie in ``directory``. ``mark`` is the argument of its command that no other has."""

    def __init__(self, name: str, directory: Path, mark: str) -> None:
        self.name = name
        self.directory = directory
        self.log = directory / f"{name}.log"
        self._mark = mark.encode()
        self._pid_file = directory / f"{name}.pid"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The running process, or None: a process id that has gone to another program counts for nothing."""
        try:
            pid = int(self._pid_file.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if self._mark in command.split(b"\0") else None

    def start(self, arguments: Sequence[str], answers: Callable[[], bool], wait_s: float) -> None:
        """Start it, and return when it answers. Raises JvmError with the log's last lines where it doesn't."""
        self.launch(arguments)
        self.await_answer(answers, wait_s)

    def launch(self, arguments: Sequence[str]) -> None:
        """Start it, and don't wait."""
        self.directory.mkdir(parents=True, exist_ok=True)
        java = shutil.which("java") or "java"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [java, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._pid_file.write_text(str(self._process.pid))

    def await_answer(self, answers: Callable[[], bool], wait_s: float) -> None:
        """Return when it answers. Raises JvmError with the log's last lines where it doesn't."""
        deadline = time.monotonic() + wait_s
        while not answers():
            if not self._alive() or time.monotonic() > deadline:
                self.stop()
                said = self.log.read_text(errors="replace").splitlines()[-12:]
                raise JvmError("\n".join([f"{self.name} did not start; its last words:", *said]))
            time.sleep(0.1)

    def stop(self, wait_s: float = 30.0) -> None:
        """Stop it in good order, or by force after ``wait_s``."""
        deadline = time.monotonic() + wait_s
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        while self._alive():
            if time.monotonic() > deadline:
                self.signal(signal.SIGKILL)
            time.sleep(0.1)
        self._pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.signal(signal.SIGKILL)
        while self._alive():
            time.sleep(0.02)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, where it runs."""
        if (pid := self.pid) is not None:
            os.kill(pid, number)

    def _alive(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None  # and lays a child that has ended to rest
        return self.pid is not None


class LocalServer:
    """A server of one Jvm, whose data, log and process id lie in ``directory``."""

    def __init__(self, name: str, directory: Path, mark: str) -> None:
        self.directory = directory
        self._jvm = Jvm(name, directory, mark)

    @property
    def pid(self) -> int | None:
        """The running process, or None: a process id that has gone to another program counts for nothing."""
        return self._jvm.pid

    def stop(self, wait_s: float = 30.0) -> None:
        """Stop it in good order, or by force after ``wait_s``."""
        self._jvm.stop(wait_s)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._jvm.kill()

    def pause(self) -> None:
        """Freeze it, as a full disk or a swapping host would: connections are taken, and nothing is answered."""
        self._jvm.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Thaw it."""
        self._jvm.signal(signal.SIGCONT)

    def wipe(self) -> None:
        """Stop it and delete its data."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
