"""What the work tells of itself while it runs: time by station, tokens, and the trace that it belongs to.

The pipeline and the consumers know only this protocol; ``metrics`` counts by it, and the adapter ``otel`` makes spans
of it. The trace's headers travel in a context variable, so that whoever sends a request can pass them on without
knowing who set them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Protocol

__all__ = ["TRACE_HEADERS", "Silent", "Telemetry", "Together", "passing_on", "trace_headers"]

TRACE_HEADERS = ("traceparent", "tracestate")
"""W3C Trace Context (https://www.w3.org/TR/trace-context/)."""

_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_STATE = re.compile(r"[ -~]{1,512}")
_current: ContextVar[Mapping[str, str]] = ContextVar("trace_headers", default={})  # noqa: B039 - never changed in place


class Telemetry(Protocol):
    """Who listens to the work. Nothing that is passed in holds note text, names or values."""

    def record(self, stage: str, headers: Mapping[str, str]) -> AbstractContextManager[None]:
        """One Kafka record at one stage (``extract``, ``publish``), its retries included.

        ``headers`` are the record's trace headers, those of them that it has. What :func:`trace_headers` gives inside
        is for whatever is sent on. An exception that leaves the block is the record's failure; only its class is told.
        """
        ...

    def station(self, name: str) -> AbstractContextManager[None]:
        """One station's work on one note (``event``, ``document``, ``extraction``, …); may await inside."""
        ...

    def tokens(self, prompt: int, completion: int) -> None:
        """The model read and wrote so many tokens for one note."""
        ...


class Silent:
    """Listens to nothing, and passes the trace on as it came."""

    def record(self, stage: str, headers: Mapping[str, str]) -> AbstractContextManager[None]:
        """See :class:`Telemetry`."""
        del stage
        return passing_on(headers)

    def station(self, name: str) -> AbstractContextManager[None]:
        """See :class:`Telemetry`."""
        del name
        return nullcontext()

    def tokens(self, prompt: int, completion: int) -> None:
        """See :class:`Telemetry`."""


class Together:
    """Several listeners as one; the last has the last word on the trace's headers."""

    def __init__(self, *listeners: Telemetry) -> None:
        self._listeners = listeners

    @contextmanager
    def record(self, stage: str, headers: Mapping[str, str]) -> Iterator[None]:
        """See :class:`Telemetry`."""
        with ExitStack() as stack:
            for listener in self._listeners:
                stack.enter_context(listener.record(stage, headers))
            yield

    @contextmanager
    def station(self, name: str) -> Iterator[None]:
        """See :class:`Telemetry`."""
        with ExitStack() as stack:
            for listener in self._listeners:
                stack.enter_context(listener.station(name))
            yield

    def tokens(self, prompt: int, completion: int) -> None:
        """See :class:`Telemetry`."""
        for listener in self._listeners:
            listener.tokens(prompt, completion)


def trace_headers() -> Mapping[str, str]:
    """The trace headers to be sent on from here; empty outside of any trace."""
    return _current.get()


@contextmanager
def passing_on(headers: Mapping[str, str]) -> Iterator[None]:
    """Within, :func:`trace_headers` gives those of ``headers`` that are trace headers, and well-formed.

    They come from a Kafka record, so anyone's: a line break in one would make every request of the record fail.
    """
    token = _current.set(_well_formed(headers))
    try:
        yield
    finally:
        _current.reset(token)


def _well_formed(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The trace's headers; none where its parent is none (W3C Trace Context, sections 3.2 and 3.3)."""
    parent, state = (headers.get(name, "") for name in TRACE_HEADERS)
    if not _PARENT.fullmatch(parent):
        return {}
    return {"traceparent": parent} | ({"tracestate": state} if _STATE.fullmatch(state) else {})
