"""The differences of many records, counted, with a few samples of each kind; it grows with the kinds alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from medie_fhir.mapping.diff import ABSENT, Change, ElementChange, ResourceChange, path_text
from medie_fhir.model import Json

__all__ = ["DiffSummary", "Element", "Kind", "Sample"]


class Kind(NamedTuple):
    """What became of resources of which type, made of facts of which field."""

    change: Change
    resource_type: str
    field: str


class Element(NamedTuple):
    """An element of changed resources, its path without the places in lists."""

    field: str
    path: str


class Sample(NamedTuple):
    """One changed resource, and the document that it is of."""

    document: str
    kind: Kind
    change: ResourceChange


@dataclass
class DiffSummary:
    """Counts by change, resource type and field, and by element; up to ``most`` samples of each of both."""

    most: int = 3
    records: int = 0
    differing: int = 0
    counts: Counter[Kind] = field(default_factory=Counter)
    elements: Counter[Element] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    _sampled: Counter[Kind | Element] = field(default_factory=Counter)

    def add(self, document: str, changes: Iterable[tuple[str, ResourceChange]]) -> None:
        """Count one record's: the field that each resource is made of, and what became of it."""
        self.records += 1
        differs = False
        for name, change in changes:
            kind = Kind(change.change, str(change.resource.get("resourceType")), name)
            self.counts[kind] += 1
            if change.change is Change.UNCHANGED:
                continue
            differs = True
            touched = {Element(name, path_text(change.resource, e.path, indexed=False)) for e in change.elements}
            self.elements.update(touched)
            reasons: set[Kind | Element] = {*touched} or {kind}
            if any(self._sampled[reason] < self.most for reason in reasons):
                self._sampled.update(reasons)
                self.samples.append(Sample(document, kind, change))
        self.differing += differs

    def to_json(self) -> Json:
        """All of it as one JSON object; an element that is not there has no ``old`` or no ``new``."""
        return {
            "records": self.records,
            "differing": self.differing,
            "counts": [{**kind._asdict(), "resources": n} for kind, n in sorted(self.counts.items())],
            "elements": [{**element._asdict(), "resources": n} for element, n in sorted(self.elements.items())],
            "samples": [_sample(s) for s in self.samples],
        }


def _sample(sample: Sample) -> Json:
    resource = sample.change.resource
    told: Json = {"document": sample.document, **sample.kind._asdict(), "id": resource.get("id")}
    if sample.kind.change is Change.CHANGED:
        return told | {"elements": [_element(resource, e) for e in sample.change.elements]}
    return told | {"resource": resource}


def _element(resource: Json, element: ElementChange) -> Json:
    sides = {"old": element.old, "new": element.new}
    told = {name: value for name, value in sides.items() if value is not ABSENT}
    return {"path": path_text(resource, element.path), **told}
