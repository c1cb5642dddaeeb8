#!/usr/bin/env python3
"""A real vLLM on this machine's CPU, with the embedded model's base and its LoRA adapter. For trying out and for tests.

    local_vllm.py start [--port 8105]    install it (once), start it, wait until it answers, print the settings to use
    local_vllm.py stop|status

It lies in ``~/.cache/medie-fhir/vllm-cpu``, in an environment of its own: 5.3 GB, 1.8 GB of them to download. It runs
at the lowest priority and takes about 4 GB of memory. Needs x86-64 Linux and Python 3.11; packages come from the index
that pip is set up for. Run it with the Python of the project's environment.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # a script, and no package: its neighbour must be found from anywhere

from jvm import CACHE, Jvm, JvmError, fingerprint, run  # noqa: E402
from ports import is_taken  # noqa: E402

from medie_fhir.adapters.model_files import pull  # noqa: E402

KEPT = CACHE / "vllm-cpu"
ADAPTER = HERE.parents[2] / "models" / "medical-ie-smollm2-135m"
REQUIREMENTS = HERE / "requirements.txt"
NAME = "medical-ie"
PORT = 8105
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}
_CPU = {
    "CUDA_VISIBLE_DEVICES": "",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # bound threads of two programs fall on the same core
}
# OpenMP's threads spin while they wait for each other: where other programs take the core of one, all stand still.
_THREADS = os.environ.get("OMP_NUM_THREADS") or str(max(1, min(2, (os.cpu_count() or 1) - 1)))
_OMP = {"OMP_NUM_THREADS": _THREADS, "MKL_NUM_THREADS": _THREADS}
_ADAPTERS_AT_RUNTIME = {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}  # to whoever reaches the port: 127.0.0.1 alone


class LocalVllm(Jvm):
    """One server, whose environment, model, log and process id lie in ``directory``."""

    def __init__(self, directory: Path = KEPT, port: int = PORT) -> None:
        self._base = directory.resolve() / "base"
        super().__init__("vllm", directory.resolve(), mark=str(self._base))
        self._port = port

    @property
    def address(self) -> str:
        """The server's root."""
        return f"http://127.0.0.1:{self._port}"

    def up(self, wait_s: float = 600.0) -> None:
        """Install what is missing, and start it. Starting a running one does nothing. Raises JvmError."""
        if self.pid is not None:
            return
        if is_taken(self._port):
            raise JvmError(f"port {self._port} is taken by another program: choose one with --port")
        python = self._installed()
        self._dequantised(python)
        self.start([str(python), "-m", "vllm.entrypoints.openai.api_server", *self._options()], self.answers, wait_s)
        self._warm_up()

    def launch(self, arguments: Sequence[str]) -> None:
        """Start it, and don't wait."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "MEDIE_"))}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                ["nice", "-n", "19", *arguments],  # noqa: S607 - as the PATH has it
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=environment | _OFFLINE | _CPU | _OMP | _ADAPTERS_AT_RUNTIME,
            )
        self._pid_file.write_text(str(self._process.pid))

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, where it runs; its last one to the engine's process too, which would outlive it."""
        if (pid := self.pid) is None:
            return
        if number == signal.SIGKILL:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)

    def answers(self) -> bool:
        """Whether it says that it is well."""
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=5) as answer:  # noqa: S310 - our own
                return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's OK
        except (urllib.error.URLError, OSError):
            return False

    def _warm_up(self) -> None:
        """One answer: the first with log probabilities takes up to a minute, while vLLM compiles."""
        messages = [{"role": "user", "content": "?"}]
        asked = {"model": NAME, "messages": messages, "max_tokens": 2, "logprobs": True, "top_logprobs": 1}
        request = urllib.request.Request(  # noqa: S310 - our own
            f"{self.address}/v1/chat/completions", json.dumps(asked).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=300):  # noqa: S310 - our own
                pass
        except (urllib.error.URLError, OSError) as error:
            raise JvmError(f"vLLM is up and gives no answer ({error}): see {self.log}") from None

    def _options(self) -> list[str]:
        return [
            *("--model", str(self._base), "--served-model-name", "base", "--dtype", "float32"),
            *("--host", "127.0.0.1", "--port", str(self._port)),
            *("--enable-lora", "--lora-modules", f"{NAME}={ADAPTER}", "--max-lora-rank", "16", "--max-loras", "2"),
            *("--max-model-len", "4096", "--max-num-seqs", "32"),
            *("--chat-template", str(HERE / "chat_template.jinja")),  # the base's own adds a system message
            "--disable-uvicorn-access-log",  # the consumer asks for the metrics every second
            *("--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}'),
        ]

    def _installed(self) -> Path:
        """The Python of an environment with all of ``requirements.txt``, made anew where that file has changed."""
        environment = self.directory / "venv"
        python, mark = environment / "bin" / "python", environment / f"installed-{fingerprint(REQUIREMENTS)}"
        if mark.exists():
            return python
        maker = _python311()
        if shutil.disk_usage(self.directory.parent).free < 8 * 2**30:
            raise JvmError(f"vLLM needs 8 GB of free disk at {self.directory.parent}, to install")
        print("installing vLLM for the CPU, once: 1.8 GB to download …", flush=True)  # noqa: T201
        run(maker, "-m", "venv", "--clear", str(environment))
        pip = ("-m", "pip", "--disable-pip-version-check", "-q", "install", "--no-compile", "--no-deps")
        # Without --no-deps, torch asks for several GB more that nothing here uses.
        run("nice", "-n", "19", "env", "-u", "PIP_CONSTRAINT", str(python), *pip, "-r", str(REQUIREMENTS))
        mark.touch()
        return python

    def _dequantised(self, python: Path) -> None:
        """Make the base's checkpoint where it is not there."""
        gguf = pull()
        mark = self._base / f"made-{fingerprint(HERE / 'dequantise.py')}"
        if mark.exists():
            return
        print("unpacking the base model …", flush=True)  # noqa: T201
        shutil.rmtree(self._base, ignore_errors=True)
        run(
            "nice",
            "-n",
            "19",
            "env",
            "CUDA_VISIBLE_DEVICES=",
            str(python),
            str(HERE / "dequantise.py"),
            str(gguf),
            str(self._base),
        )
        mark.touch()


def _python311() -> str:
    """A Python 3.11, for which the versions are pinned. Raises JvmError."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise JvmError("vLLM for the CPU is pinned for x86-64 Linux: elsewhere, name a server of yours by the settings")
    found = sys.executable if sys.version_info[:2] == (3, 11) else shutil.which("python3.11")
    if found is None:
        raise JvmError("vLLM for the CPU is pinned for Python 3.11: install python3.11, beside yours")
    return found


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("command", choices=["start", "stop", "status"])
    parser.add_argument("--port", type=int, default=PORT, help="default: %(default)s")
    vllm = LocalVllm(port=parser.parse_args().port)
    command = parser.parse_args().command
    if command == "status":
        sys.stdout.write(f"pid {vllm.pid}\n" if vllm.pid else "down\n")
        return 0 if vllm.pid else 1
    try:
        vllm.up() if command == "start" else vllm.stop()
    except JvmError as error:
        sys.stderr.write(f"vllm: {error}\n")
        return 1
    if command == "start":
        sys.stdout.write(
            f"vLLM answers. To use it:\n\n  export MEDIE_MODEL__BASE_URL={vllm.address}/v1\n"
            f"  export MEDIE_MODEL__NAME={NAME}\n\nIts log: {vllm.log}. To end it: make vllm-down\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
