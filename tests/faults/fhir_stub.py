"""The FHIR twin, served over HTTP, with every way to fail."""

from __future__ import annotations

import json
import threading
import time

from leaks import Leaks
from notes import SENTINELS

from medie_fhir.adapters.fhir_twin import Answer, FhirTwin, FhirTwinServer, Request

__all__ = ["FhirStub"]

_OK = 200
_LATE_ONE_IN = 5


class FhirStub:
    """Serves a fresh twin.

    ``mode``: normal; down; hang (what is written is written, no answer is sent); late (of five transactions one is held
    back, and written only when the mode changes, as by a gateway's queue); 429, 503, 500.
    ``applied``: when (monotonic) a transaction was applied.
    """

    def __init__(self, leaks: Leaks) -> None:
        self.twin = FhirTwin()
        self.applied: list[float] = []
        self._leaks = leaks
        self._mode = "normal"
        self._posts = 0
        self._changed = threading.Event()
        self._server = FhirTwinServer(self.twin, fault=self._answer).start()
        self.base_url = self._server.base_url
        self._port = int(self.base_url.split(":")[2].split("/")[0])

    def set(self, mode: str) -> None:
        """Behave so from now on. What hangs is let go without an answer."""
        before, self._mode = self._mode, mode
        self._changed.set()
        self._changed = threading.Event()
        if mode == "down":
            self._server.close()
        elif before == "down":
            self._server = FhirTwinServer(self.twin, self._port, self._answer).start()

    def close(self) -> None:
        """End the server; the twin is left, to be looked at."""
        self._changed.set()
        if self._mode != "down":
            self._server.close()

    def _answer(self, request: Request) -> Answer:
        for name, value in request.headers.items():
            self._leaks.look("a header to the FHIR server", f"{name}: {value}")
        self._leaks.look("a URL of the FHIR server", f"{request.path} {request.query}")
        mode, changed = self._mode, self._changed
        if mode == "429":
            return _refusal(429, {"retry-after": "2"})
        if mode in {"500", "503"}:
            return _refusal(int(mode), {})
        held = mode == "late" and request.method == "POST" and self._counted() % _LATE_ONE_IN == 0
        if held:
            changed.wait(120)
        answer = self.twin.answer(request)
        if request.method == "POST" and answer.status == _OK:
            self.applied.append(time.monotonic())
        if mode == "hang":
            changed.wait(120)
        if mode == "hang" or held:
            raise ConnectionError
        return answer

    def _counted(self) -> int:
        self._posts += 1
        return self._posts


def _refusal(status: int, headers: dict[str, str]) -> Answer:
    """A server's error that says too much, as some do: none of it may be passed on."""
    issue = {"severity": "error", "code": SENTINELS[0], "diagnostics": " ".join(SENTINELS)}
    body = json.dumps({"resourceType": "OperationOutcome", "issue": [issue]})
    return Answer(status, {"content-type": "application/fhir+json", **headers}, body.encode())
