"""At what pace the FHIR server is written to, as whoever watches is shown it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Pace", "Paced"]


class Paced(Protocol):
    """What holds transactions back (``medie_fhir.adapters.fhir_pace``). Looked at from any thread."""

    @property
    def limit(self) -> int:
        """So many may run at once now."""
        ...

    @property
    def running(self) -> int:
        """So many run."""
        ...

    @property
    def waiting(self) -> int:
        """So many wait for their turn."""
        ...

    @property
    def paused(self) -> float:
        """Seconds until the next may begin, as the server asked."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """The pace at one moment. ``most``: what the settings allow to run at once."""

    most: int
    limit: int
    running: int
    waiting: int
    paused_s: float

    @classmethod
    def of(cls, paced: Paced, most: int) -> Pace:
        """Its pace now."""
        return cls(most, paced.limit, paced.running, paced.waiting, round(paced.paused, 3))

    @property
    def told(self) -> str | None:
        """In words, where fewer run at once than the settings allow, or none may begin; else None."""
        ways = [f"paused for {self.paused_s:.0f} s, as the server asked"] if self.paused_s else []
        if self.limit < self.most:
            ways.append(f"{self.limit} of {self.most} transactions at once")
        return "; ".join([*ways, f"{self.running} run, {self.waiting} wait"]) if ways else None
