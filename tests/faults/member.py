"""One consumer, as an operator runs it: a process with its settings in the environment, its output, its health port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from leaks import Leaks

__all__ = ["Member"]

_SHOWN = ("/metrics", "/status", "/readyz", "/livez")


class Member:
    """``medie-fhir run …``. Its output is kept in ``log`` and looked at; so is what its health port shows."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], log: Path, leaks: Leaks, launcher: Sequence[str] = ()
    ) -> None:
        self.port = free_port()
        program = [*launcher, str(Path(sys.executable).with_name("medie-fhir")), "run", *command]
        self.told_to_end = False
        self._leaks = leaks
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            program,
            env={**os.environ, **env, "MEDIE_HEALTH__PORT": str(self.port), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.running = threading.Event()
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()
        self._asking = threading.Thread(target=self._ask, daemon=True)
        self._asking.start()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def await_running(self, within_s: float = 60.0) -> None:
        """Return when it says that it runs."""
        deadline = time.monotonic() + within_s
        while not self.running.wait(0.1):
            assert self.alive, f"a consumer ended at its start with {self._process.returncode}: see {self._log.name}"
            assert time.monotonic() < deadline, "a consumer did not start"

    def said(self, words: bytes) -> bool:
        """Whether its output holds these words by now."""
        return words in Path(self._log.name).read_bytes()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self.alive:
            os.kill(self._process.pid, number)

    @property
    def status(self) -> int | None:
        """Its exit status, where it has ended."""
        return self._process.poll()

    def kill(self) -> None:
        """``kill -9``; returns when it is gone."""
        self.told_to_end = True
        self.signal(signal.SIGKILL)
        self._gone(10)

    def stop(self, within_s: float = 60.0) -> int | None:
        """SIGTERM; its exit status, or None where it had to be killed."""
        self.told_to_end = True
        self.signal(signal.SIGTERM)
        try:
            self._gone(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return None
        return self._process.returncode

    def _gone(self, within_s: float) -> None:
        self._process.wait(within_s)
        self._listening.join(10)
        self._asking.join(10)
        self._log.close()

    def _listen(self) -> None:
        """Its output comes by a pipe: a limit on the size of its files does not silence it."""
        assert self._process.stdout
        for line in self._process.stdout:
            self._log.write(line)
            self._log.flush()
            self._leaks.look("a log", line.decode("utf-8", "replace"))
            if b"running:" in line:
                self.running.set()

    def _ask(self) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while self.alive:
            for path in _SHOWN:
                try:
                    with opener.open(f"http://127.0.0.1:{self.port}{path}", timeout=2) as answer:
                        text = answer.read().decode("utf-8", "replace")
                except OSError as error:
                    read = getattr(error, "read", None)  # a 503 has a body too
                    if read is None:
                        continue
                    text = read().decode("utf-8", "replace")
                self._leaks.look(path, text)
            try:
                self._process.wait(1.5)
            except subprocess.TimeoutExpired:
                continue


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
