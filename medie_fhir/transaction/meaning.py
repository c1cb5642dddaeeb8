"""One meaning, one resource: facts of a document that say the same thing become one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from medie_fhir.model import Alignment, CodedFact, Concept, DocumentInfo, Fact
from medie_fhir.transaction.identity import fact_id

__all__ = ["identify"]

_NONE: Mapping[str, str] = MappingProxyType({})
_BEST_FIRST = {alignment: rank for rank, alignment in enumerate(Alignment)}


def identify(
    document: DocumentInfo, judged: Iterable[tuple[Fact, Concept, str | None]], whose: Mapping[str, str] = _NONE
) -> tuple[CodedFact, ...]:
    """Facts with their ids, in the order given. ``judged``: fact, its concept, and why it may not be written, or None.

    Written facts of one field and one concept are joined into the first of them ("brain" and "cerebral"): their
    evidence in the order of the text, their readers, the best alignment and confidence, the group that both have.
    ``whose``: fields of which the id names the task, and the task.
    """
    made: list[CodedFact] = []
    places: dict[str, int] = {}
    for fact, concept, reason in judged:
        id_ = fact_id(document, fact.field, concept.key, whose.get(fact.field))
        if reason is None and id_ in places:
            first = made[places[id_]]
            made[places[id_]] = CodedFact(_joined(first.fact, fact), first.concept, id_)
            continue
        if reason is None:
            places[id_] = len(made)
        made.append(CodedFact(fact, concept, id_, reason is None, reason))
    return tuple(made)


def _joined(a: Fact, b: Fact) -> Fact:
    confidences = [c for c in (a.confidence, b.confidence) if c is not None]
    return a.model_copy(
        update={
            "evidence": tuple(sorted({*a.evidence, *b.evidence}, key=lambda e: (e.start, e.end))),
            "alignment": min(a.alignment, b.alignment, key=_BEST_FIRST.__getitem__),
            "confidence": max(confidences, default=None),
            "readers": tuple(dict.fromkeys((*a.readers, *b.readers))),
            "sightings": tuple(dict.fromkeys((*a.sightings, *b.sightings))),
            "group": a.group if a.group == b.group else None,
        }
    )
