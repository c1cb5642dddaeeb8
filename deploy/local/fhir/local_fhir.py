#!/usr/bin/env python3
"""A real HAPI FHIR R4 server on this machine without Docker: jars from Maven Central, one Java process, H2.

    local_fhir.py start [--dir DIR] [--port PORT] [--heap 768m]    prints the base URL
    local_fhir.py stop|kill|pause|resume|status|wipe [--dir DIR] [--port PORT]

Needs a JDK (17 or later) and mvn on the PATH. The class path and the compiled server are kept in
``~/.cache/medie-fhir/fhir``. Needs only the standard library, so that it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # a script, and no package: its neighbour must be found from anywhere

from jvm import CACHE, LEAN, JvmError, LocalServer, class_path, fingerprint, missing_programs, run  # noqa: E402
from ports import is_taken  # noqa: E402

KEPT = CACHE / "fhir"


def lacking() -> list[str]:
    """Which of the programs that are needed are not installed."""
    return missing_programs("java", "javac", "mvn")


def compiled(jars: str) -> Path:
    """The folder of the compiled server. Compiled again when its source or its jars change."""
    sources = sorted((HERE / "src").glob("*"))
    folder = KEPT / f"classes-{fingerprint(HERE / 'pom.xml', *sources)}"
    if not folder.exists():
        fresh = folder.with_suffix(f".{os.getpid()}")
        run("javac", "-d", str(fresh), "-cp", jars, *(str(s) for s in sources if s.suffix == ".java"))
        shutil.copy(HERE / "src" / "logback.xml", fresh)
        try:
            fresh.rename(folder)
        except OSError:  # another process was faster
            shutil.rmtree(fresh, ignore_errors=True)
    return folder


class LocalFhir(LocalServer):
    """One server, whose database, log and process id lie in ``directory``.

    ``kept``: what is written outlives the process; else the database is in memory, and faster.
    """

    def __init__(self, directory: Path, port: int = 18080, heap: str = "768m", *, kept: bool = True) -> None:
        data = str(directory.resolve() / "data")
        mark = f"-Dmedie.fhir={data}"  # an argument that no other process has
        super().__init__("fhir", directory.resolve(), mark=mark)
        self.port = port
        self.heap = heap
        self._mark = mark
        self._arguments = ("FhirServer", str(port), *([data] if kept else []))

    @property
    def address(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}/fhir"

    def start(self, wait_s: float = 180.0) -> None:
        """Start it, and return when it answers. Starting a running one does nothing."""
        if self.pid is not None:
            return
        if is_taken(self.port):
            raise JvmError(f"port {self.port} is taken by another program")
        if missing := lacking():
            raise JvmError(f"not installed: {', '.join(missing)}")
        jars = class_path(HERE / "pom.xml", KEPT)
        classes = os.pathsep.join((str(compiled(jars)), jars))
        self._jvm.start(
            (f"-Xmx{self.heap}", *LEAN, self._mark, "-cp", classes, *self._arguments), self._answers, wait_s
        )

    def _answers(self) -> bool:
        """Whether it says what it can do; the first such answer takes HAPI some seconds, the next ones none."""
        try:
            with urllib.request.urlopen(f"{self.address}/metadata", timeout=60) as answer:  # noqa: S310 - our own
                return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's OK
        except (urllib.error.URLError, OSError):
            return False


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("command", choices=["start", "stop", "kill", "pause", "resume", "status", "wipe"])
    parser.add_argument("--dir", type=Path, default=KEPT / "server")
    parser.add_argument("--port", type=int, default=18080)
    parser.add_argument("--heap", default="768m")
    given = parser.parse_args()
    fhir = LocalFhir(given.dir, given.port, given.heap)
    try:
        if given.command == "status":
            sys.stdout.write(f"pid {fhir.pid}\n" if fhir.pid else "down\n")
            return 0 if fhir.pid else 1
        getattr(fhir, given.command)()
    except JvmError as error:
        sys.stderr.write(f"fhir: {error}\n")
        return 1
    if given.command == "start":
        sys.stdout.write(f"{fhir.address}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
