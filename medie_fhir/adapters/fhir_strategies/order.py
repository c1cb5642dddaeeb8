"""In which order the parts of a document are written where they can't be written at once. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from medie_fhir.adapters.fhir_strategies.marks import literals
from medie_fhir.errors import FhirRejected
from medie_fhir.model import Json
from medie_fhir.transaction import is_in_error

__all__ = ["in_steps"]

_RANKS = {"Patient": 0, "Device": 0, "DocumentReference": 1}
_HOLDS, _SAYS_THAT_NOT, _HOLDS_NOT, _SAYS_SO = 2, 3, 4, 5


def in_steps(entries: Sequence[Json], there: Collection[str]) -> list[list[int]]:
    """The places of the entries in the Bundle, step by step: no step refers to what a later one creates.

    First who and what is spoken of, then the document, then the facts that hold, and last who says so: a document
    without that Provenance is one that was half written. What no longer holds is set in error between the two, and
    after the Provenance that says why: the next attempt would not find it to be taken back, and say nothing of it.

    ``there``: references of what the server has already. Raises FhirRejected where new resources refer to each other
    in a circle.
    """
    gone = {e["request"]["url"] for e in entries if _is_taken_back(e, there)}
    within = {entry["request"]["url"] for entry in entries}
    by_rank: dict[int, list[int]] = {}
    for index, entry in enumerate(entries):
        by_rank.setdefault(_rank(entry, gone, within), []).append(index)
    steps: list[list[int]] = []
    missing = {entry["request"]["url"]: index for index, entry in enumerate(entries)}
    missing = {place: index for place, index in missing.items() if place not in there}
    for rank in sorted(by_rank):
        left = by_rank[rank]
        while left:
            waits_for = {index: _needs(entries[index], missing, left) - {index} for index in left}
            ready = [index for index in left if not waits_for[index]]
            if not ready:
                raise FhirRejected(
                    "writing a document: its new resources refer to each other in a circle, which only a transaction"
                    " can write; this server has none"
                )
            steps.append(ready)
            left = [index for index in left if waits_for[index]]
    return steps


def _rank(entry: Json, gone: Collection[str], within: Collection[str]) -> int:
    kind = entry["resource"]["resourceType"]
    if kind == "Provenance":
        targets = {t.get("reference") for t in entry["resource"].get("target", ())}.intersection(within)
        return _SAYS_THAT_NOT if targets and targets.issubset(gone) else _SAYS_SO
    return _RANKS.get(kind, _HOLDS_NOT if entry["request"]["url"] in gone else _HOLDS)


def _is_taken_back(entry: Json, there: Collection[str]) -> bool:
    resource, place = entry["resource"], entry["request"]["url"]
    return resource["resourceType"] not in (*_RANKS, "Provenance") and place in there and is_in_error(resource)


def _needs(entry: Json, missing: dict[str, int], left: Sequence[int]) -> set[int]:
    """Which of those that are still to be written an entry refers to, and the server doesn't have."""
    named = (missing.get(reference["reference"]) for reference in literals(entry["resource"]))
    return {index for index in named if index is not None and index in left}
