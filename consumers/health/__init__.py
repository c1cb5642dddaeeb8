"""The consumer's own HTTP server: is it alive, is it ready, its metrics, its whole status. No patient's data."""

from __future__ import annotations

from consumers.health.pace import Pace, Paced
from consumers.health.server import HealthServer, Viewed
from consumers.health.status import Counted, LoopStatus, PartitionStatus, Status

__all__ = ["Counted", "HealthServer", "LoopStatus", "Pace", "Paced", "PartitionStatus", "Status", "Viewed"]
