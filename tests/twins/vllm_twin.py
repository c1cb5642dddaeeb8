"""A twin of vLLM as far as LoRA modules go: they are loaded and unloaded while it answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["VllmTwin"]


class VllmTwin(ThreadingHTTPServer):
    """Answers as vLLM does where modules come and go. ``modules``: what is loaded; ``asked``: by which name, in order.

    ``says``: what a module answers of a note. ``gates``: by name, an event that its answers wait for.
    """

    daemon_threads = True

    def __init__(self, base: str, fields: Sequence[str]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.modules: dict[str, str] = {}
        self.loads: list[str] = []
        self.asked: list[str] = []
        self.says: dict[str, dict[str, str]] = {}
        self.fields = fields
        self.refuses_loads = False
        self.base = base
        self.gates: dict[str, threading.Event] = {}
        self.arrived = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def models(self) -> dict[str, Any]:
        base = {"id": self.base, "root": self.base, "owned_by": "vllm", "parent": None}
        return {"data": [base, *({"id": name, "root": at, "parent": self.base} for name, at in self.modules.items())]}


class Handler(BaseHTTPRequestHandler):
    server: VllmTwin
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        known = {"/v1/models": self.server.models(), "/version": {"version": "0.32.0"}}
        self._answer(200 if self.path in known else 404, known.get(self.path, {}))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        if self.path == "/v1/load_lora_adapter" and not server.refuses_loads:
            server.modules[body["lora_name"]] = body["lora_path"]
            server.loads.append(body["lora_name"])
            self._answer(200, {})
        elif self.path == "/v1/unload_lora_adapter":
            del server.modules[body["lora_name"]]
            self._answer(200, {})
        elif self.path == "/v1/chat/completions" and body["model"] in server.modules:
            server.asked.append(body["model"])
            server.arrived.set()
            if gate := server.gates.get(body["model"]):
                gate.wait(timeout=30)
            said = server.says.get(body["model"], {})
            text = json.dumps({name: said.get(name) for name in server.fields})
            self._answer(200, {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]})
        else:
            self._answer(404, {"error": {"type": "NotFoundError"}})

    def _answer(self, status: int, content: Any) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        """Quiet."""
