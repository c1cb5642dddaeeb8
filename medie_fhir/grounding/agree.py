"""Facts that two readers saw in one place are one fact, and tell both.

Readers cut a value differently: "IIIA" and "stage IIIA", "docetaxel" and "neoadjuvant chemotherapy with docetaxel".
What one of them gives is then in the other's words, and would be written twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from medie_fhir.model import Evidence, Fact

__all__ = ["agreed"]


def agreed(facts: Sequence[Fact], *, by: str) -> tuple[Fact, ...]:
    """The facts, without those whose places the reader ``by`` has seen too: each of these tells the other as well.

    ``by`` is the reader that cuts values where its tables and grammars say, and so the one whose words are kept. A fact
    is another's only with the same field, assertion and experiencer, and when every place of it holds a piece of one of
    the other's. Ungrounded facts stand in no place, and stay.
    """
    kept = [fact for fact in facts if by in fact.readers]
    seconded: dict[int, Fact] = {}
    rest: list[Fact] = []
    for fact in facts:
        if by in fact.readers:
            continue
        same = [index for index, other in enumerate(kept) if _same_saying(fact, other) and _meet(fact, other)]
        places = [other.evidence for other in (kept[index] for index in same)]
        if not same or not all(any(_overlap(e, o) for other in places for o in other) for e in fact.evidence):
            rest.append(fact)
            continue
        for index in same:
            seconded[index] = _with_readers(seconded.get(index, kept[index]), fact)
    order = {id(fact): number for number, fact in enumerate(facts)}
    found = [(order[id(fact)], seconded.get(index, fact)) for index, fact in enumerate(kept)]
    found += [(order[id(fact)], fact) for fact in rest]
    return tuple(fact for _, fact in sorted(found, key=lambda pair: pair[0]))


def _same_saying(one: Fact, other: Fact) -> bool:
    return (one.field, one.assertion, one.experiencer) == (other.field, other.assertion, other.experiencer)


def _meet(one: Fact, other: Fact) -> bool:
    return any(_overlap(a, b) for a in one.evidence for b in other.evidence)


def _overlap(one: Evidence, other: Evidence) -> bool:
    return one.start < other.end and other.start < one.end


def _with_readers(fact: Fact, other: Fact) -> Fact:
    readers = tuple(dict.fromkeys((*fact.readers, *other.readers)))
    known = [c for c in (fact.confidence, other.confidence) if c is not None]
    seen = tuple(dict.fromkeys((*fact.sightings, *other.sightings)))
    return fact.model_copy(update={"readers": readers, "sightings": seen, "confidence": max(known, default=None)})
