"""Which model reads the notes: asked of its server now and then, and told in every record."""

from __future__ import annotations

from datetime import datetime, timedelta

from medie_fhir import __version__
from medie_fhir.extraction import Task
from medie_fhir.model import Produced
from medie_fhir.ports import ModelDescription, ModelServer

__all__ = ["NO_MODEL", "Described", "produced"]

NO_MODEL = ModelDescription(model="none")
"""Of a record that no model was asked for: a retraction must not wait for a model server."""

_DESCRIBED_FOR = timedelta(minutes=5)


class Described:
    """The model server's description, asked anew every few minutes: another adapter may be served under our name."""

    def __init__(self) -> None:
        self._known: tuple[ModelDescription, datetime] | None = None

    async def of(self, model: ModelServer, now: datetime) -> ModelDescription:
        """What answers now. Raises ModelUnavailable, ModelRefused."""
        if self._known is None or now - self._known[1] >= _DESCRIBED_FOR:
            self._known = await model.describe(), now
        return self._known[0]

    def forget(self) -> None:
        """Ask anew the next time: what comes back after a fault may be another model."""
        self._known = None


def produced(task: Task, model: ModelDescription, now: datetime) -> Produced:
    """How and when a record came to be."""
    return Produced(
        at=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        software=f"medie-fhir {__version__}",
        task=task.label,
        task_digest=task.digest,
        model=model.model,
        adapter=model.adapter,
        adapter_digest=model.adapter_digest,
        server=model.server,
    )
