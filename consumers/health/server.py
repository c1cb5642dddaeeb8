"""Is it alive, is it ready: what an orchestrator asks, and what Prometheus and ``medie-fhir status`` read.

It has its own threads, so that it answers though the work's event loop is stuck, which is what it is asked about.

=============  ==========================================================================================
``/livez``     200, or 503 where a loop has ended or is stuck: start the process anew
``/readyz``    200, or 503 while it starts, stops, or waits for a dependency: wait
``/metrics``   what ``medie_fhir.metrics`` names, for Prometheus
``/status``    a :class:`~consumers.health.status.Status`
=============  ==========================================================================================
"""

from __future__ import annotations

import dataclasses
import json
import math
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Any, Protocol, Self

from prometheus_client.exposition import choose_encoder

from consumers.health.collector import LoopCollector
from consumers.health.pace import Pace
from consumers.health.pages import JSON, Answer, PageServer
from consumers.health.status import finite, status_of
from consumers.monitor import LoopView, MappingInUse
from medie_fhir.errors import SettingsError
from medie_fhir.metrics import Metrics
from medie_fhir.settings import HealthSettings

__all__ = ["HealthServer", "Viewed"]


_OPENMETRICS = "application/openmetrics-text"


class Viewed(Protocol):
    """What can be watched: a running Loop."""

    def view(self) -> LoopView:
        """Itself at this moment; from any thread, and without waiting for the work."""
        ...


class HealthServer:
    """Serves from ``with`` to its end; with ``health.port`` none it serves nothing. Raises SettingsError.

    ``pace``: at which the FHIR server is written to, where one is. ``mapping``: which one is in use, where it is known.
    ``until_end``: a loop that has ended has done its part, while another goes on.
    ``port`` and ``url`` are where it listens, and None while it doesn't.
    """

    def __init__(
        self,
        settings: HealthSettings,
        loops: Sequence[Viewed],
        metrics: Metrics,
        *,
        pace: Callable[[], Pace | None] = lambda: None,
        mapping: Callable[[], MappingInUse | None] = lambda: None,
        until_end: bool = False,
    ) -> None:
        self._settings = settings
        self._until_end = until_end
        self._loops = tuple(loops)
        self._metrics = metrics
        self._pace = pace
        self._mapping = mapping
        self._collector = LoopCollector(self._views, pace)
        self._stopping = False
        self._server: PageServer | None = None
        self._thread: threading.Thread | None = None
        self.port: int | None = None
        self.url: str | None = None

    def __enter__(self) -> Self:
        host, port = self._settings.host, self._settings.port
        if port is None:
            return self
        pages = {"/livez": self._live, "/readyz": self._ready, "/metrics": self._exposed, "/status": self._status}
        try:
            self._server = PageServer(host, port, pages)
        except OSError as error:
            raise SettingsError(
                f"health.port: {host}:{port} can't be listened on ({error.strerror or type(error).__name__}). Another"
                " consumer on this machine? Set health.port (MEDIE_HEALTH__PORT) to another, or to 0 for any free one;"
                " or is health.host wrong?"
            ) from None
        self.port = self._server.server_address[1]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        self._metrics.registry.register(self._collector)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="health", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._metrics.registry.unregister(self._collector)
        self._server = self._thread = self.port = self.url = None

    def stopping(self) -> None:
        """From now on it is not ready, and a loop that has ended is as it should be."""
        self._stopping = True

    def _live(self, accepted: str) -> Answer:
        del accepted
        loops = [
            {
                "stage": view.stage,
                "running": view.running,
                "polled_s": finite(view.polled_s),
                "heartbeat_s": finite(view.heartbeat_s),
                "why": self._stuck(view),
            }
            for view in self._views()
        ]
        return _verdict(all(loop["why"] is None for loop in loops), loops=loops)

    def _ready(self, accepted: str) -> Answer:
        del accepted
        views = self._views()
        why = ["it is stopping"] if self._stopping else []
        why += [f"{view.stage}: it has not polled yet" for view in views if not math.isfinite(view.polled_s)]
        why += [f"{view.stage}: {stuck}" for view in views if (stuck := self._stuck(view))]
        waiting = [(view.stage, outage) for view in views for outage in view.waiting]
        why += [f"{stage}: {outage.dependency} is away for {outage.seconds:.0f} s" for stage, outage in waiting]
        away = [{"stage": stage, **dataclasses.asdict(outage)} for stage, outage in waiting]
        used = self._mapping()
        more = {} if used is None else {"mapping": dataclasses.asdict(used)}
        return _verdict(not why, waiting=away, why=why, **more)

    def _exposed(self, accepted: str) -> Answer:
        # Only the kind: the client library raises on an odd version, and repeats what it was sent.
        encode, content_type = choose_encoder(_OPENMETRICS if _OPENMETRICS in accepted else "")
        return Answer(HTTPStatus.OK, content_type, encode(self._metrics.registry))

    def _status(self, accepted: str) -> Answer:
        del accepted
        status = status_of(self._views(), self._metrics, self._pace())
        return Answer(HTTPStatus.OK, JSON, status.model_dump_json().encode())

    def _views(self) -> list[LoopView]:
        return [loop.view() for loop in self._loops]

    def _stuck(self, view: LoopView) -> str | None:
        """Why a loop is not alive. One that has not polled yet is starting."""
        most = self._settings.stuck_after_seconds
        if not view.running:
            return None if self._stopping or self._until_end else "the loop has ended"
        if math.isfinite(view.polled_s) and view.polled_s > most:
            return f"the consumer's thread has not come round for {view.polled_s:.0f} s"
        if math.isfinite(view.heartbeat_s) and view.heartbeat_s > most:
            return f"the work's event loop has not come round for {view.heartbeat_s:.0f} s"
        return None


def _verdict(ok: bool, **more: Any) -> Answer:
    status = HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE
    return Answer(status, JSON, json.dumps({"ok": ok, **more}).encode())
