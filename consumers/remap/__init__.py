"""The current mapping, applied to extraction records that are kept: what ``medie-fhir remap`` does."""

from consumers.remap.remap import Outlasted, Remap, RemapOptions
from consumers.remap.report import Failed, RemapReport
from consumers.remap.selection import Selection
from consumers.remap.state import Progress, StateFile, digest_of

__all__ = [
    "Failed",
    "Outlasted",
    "Progress",
    "Remap",
    "RemapOptions",
    "RemapReport",
    "Selection",
    "StateFile",
    "digest_of",
]
