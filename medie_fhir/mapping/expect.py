"""Whether resources are as a case expects: patterns that name the elements they care for, or resources in full.

A pattern's object holds where each of its elements does, whatever else the resource has; null says that an element is
not there. A pattern's list holds where each of its items does with another item, in any order. Of resources there must
be as many as patterns: what nobody expects is told too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from medie_fhir.mapping.diff import ABSENT, elements, path_text
from medie_fhir.mapping.envelope import AI_CONFIDENCE, DERIVATION
from medie_fhir.model import Json

__all__ = ["Mismatch", "mismatches", "updated"]

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """An element that is not as expected; ABSENT stands for what is not there, or was not expected."""

    path: str
    expected: Any
    found: Any


def mismatches(expected: Sequence[Json], found: Sequence[Json], *, exact: bool) -> list[Mismatch]:
    """All that is not as expected. ``exact``: resources are given in full, and must be the same JSON."""
    pairs = _resource_pairs(expected, found, exact=exact)
    told: list[Mismatch] = []
    for i, pattern in enumerate(expected):
        if i not in pairs:
            told.append(Mismatch(path_text(pattern, ()), pattern, ABSENT))
        else:
            resource = found[pairs[i]]
            within = _exactly(pattern, resource) if exact else _within(pattern, resource, ())
            told += [Mismatch(path_text(resource, path), wanted, got) for path, wanted, got in within]
    unexpected = (resource for j, resource in enumerate(found) if j not in pairs.values())
    return told + [Mismatch(path_text(resource, ()), ABSENT, resource) for resource in unexpected]


def updated(expected: Sequence[Json], found: Sequence[Json], *, exact: bool) -> list[Json]:
    """What to expect instead: the same elements as before, as they are found. Law: it has no mismatches.

    A resource that nobody expected is given without what the engine adds (id, identifier, evidence, the mark of AI).
    """
    if exact:
        return list(found)
    pairs = _resource_pairs(expected, found, exact=False)
    kept = [_as_found(pattern, found[pairs[i]]) for i, pattern in enumerate(expected) if i in pairs]
    return kept + [_of_the_template(r) for j, r in enumerate(found) if j not in pairs.values()]


def _exactly(pattern: Json, resource: Json) -> Iterator[tuple[Path, Any, Any]]:
    return ((change.path, change.old, change.new) for change in elements(pattern, resource))


def _within(pattern: Any, value: Any, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    if isinstance(pattern, dict) and isinstance(value, dict):
        for name, wanted in pattern.items():
            got = value.get(name, ABSENT)
            if wanted is None or got is ABSENT:
                if wanted is not None or got is not ABSENT:
                    yield (*path, name), ABSENT if wanted is None else wanted, got
            else:
                yield from _within(wanted, got, (*path, name))
    elif isinstance(pattern, list) and isinstance(value, list):
        pairs = _paired(pattern, value, _cost)
        for i, wanted in enumerate(pattern):
            if i in pairs:
                yield from _within(wanted, value[pairs[i]], (*path, pairs[i]))
            else:
                yield (*path, i), wanted, ABSENT
    elif json.dumps(pattern, sort_keys=True) != json.dumps(value, sort_keys=True):
        yield path, pattern, value


def _cost(pattern: Any, value: Any) -> int | None:
    return sum(1 for _ in _within(pattern, value, ()))


def _resource_pairs(expected: Sequence[Json], found: Sequence[Json], *, exact: bool) -> dict[int, int]:
    def cost(pattern: Any, resource: Any) -> int | None:
        if pattern.get("resourceType", resource["resourceType"]) != resource["resourceType"]:
            return None
        return sum(1 for _ in _exactly(pattern, resource)) if exact else _cost(pattern, resource)

    return _paired(expected, found, cost)


def _paired(patterns: Sequence[Any], items: Sequence[Any], cost: Callable[[Any, Any], int | None]) -> dict[int, int]:
    """Which item stands for which pattern: as many as can be without a fault, the others with the fewest.

    ``cost`` counts the faults of a pair; None where the two can't be paired.
    """
    costs = {(i, j): cost(p, v) for i, p in enumerate(patterns) for j, v in enumerate(items)}
    taken: dict[int, int] = {}  # item → pattern

    def place(i: int, tried: set[int]) -> bool:
        """Find an item for a pattern, moving others where they have another choice (Kuhn 1955)."""
        for j in range(len(items)):
            if costs[i, j] == 0 and j not in tried:
                tried.add(j)
                if j not in taken or place(taken[j], tried):
                    taken[j] = i
                    return True
        return False

    for i in range(len(patterns)):
        place(i, set())
    pairs = {i: j for j, i in taken.items()}
    for _, i, j in sorted((c, i, j) for (i, j), c in costs.items() if c):
        if i not in pairs and j not in taken:
            pairs[i], taken[j] = j, i
    return pairs


def _as_found(pattern: Any, value: Any) -> Any:
    if isinstance(pattern, dict) and isinstance(value, dict):
        kept = {name: (wanted, value.get(name, ABSENT)) for name, wanted in pattern.items()}
        made = {name: None if got is ABSENT else _as_found(wanted, got) for name, (wanted, got) in kept.items()}
        return {name: made[name] for name, (wanted, got) in kept.items() if wanted is None or got is not ABSENT}
    if isinstance(pattern, list) and isinstance(value, list):
        pairs = _paired(pattern, value, _cost)
        return [_as_found(wanted, value[pairs[i]]) for i, wanted in enumerate(pattern) if i in pairs]
    return value


def _of_the_template(resource: Json) -> Json:
    made = {name: value for name, value in resource.items() if name not in {"id", "identifier"}}
    made["meta"] = {n: v for n, v in resource.get("meta", {}).items() if n not in {"source", "security"}}
    ours = {DERIVATION, AI_CONFIDENCE}
    made["extension"] = [e for e in resource.get("extension", []) if e.get("url") not in ours]
    return {name: value for name, value in made.items() if value not in ({}, [])}
