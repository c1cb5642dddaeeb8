"""Whether someone else has changed, or spoken of, what we wrote: then theirs is the word that stands.

Four signs, each enough: the status says so; the content is not what its stamp says; ``meta.source`` is not the one that
we write; a Provenance that is not ours names it, recorded after ours. What an older release wrote has no stamp, and is
judged by the other three; but what has not even our identifier of the fact, someone else has written. So has what holds
and has no stamp beside a fact of the note that has one, for all of a note are stamped at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from medie_fhir.fhir_names import DECIDED
from medie_fhir.model import DocumentInfo, Json
from medie_fhir.transaction.identity import FACTS, document_id
from medie_fhir.transaction.stamp import is_as_written, relative, subject_of
from medie_fhir.transaction.standing import Standing, is_in_error, place, recorded_at, version_of

__all__ = ["decided", "judged"]


def judged(standing: Standing, document: DocumentInfo, resources: Sequence[Json]) -> frozenset[str]:
    """The references of what stands for the document and is another's by now; ``resources``: what is to be written.

    A status that the mapping itself writes says nothing, and neither does one that is part of what a stamp vouches for.
    Nor does another subject, where it is the note's by now: so a merge of patients leaves what it rewrites.
    """
    whose = {subject_of({"subject": document.subject}), subject_of(standing.document or {})} - {None}
    sources = {f"DocumentReference/{document_id(document)}", document.reference}
    spoken_of = _spoken_of(standing)
    are_stamped = any(is_as_written(r) is not None for r in standing.resources)
    ours = {place(r) for r in resources if decided(r)}

    def is_judged(resource: Json) -> bool:
        reference, as_written = place(resource), is_as_written(resource, whose)
        if as_written is None:
            was_stamped = are_stamped and not is_in_error(resource)
            as_written = not was_stamped and _is_signed(resource) and (reference in ours or not decided(resource))
        return not as_written or _is_from_another(resource, sources) or reference in spoken_of

    return frozenset(place(r) for r in standing.resources if is_judged(r))


def decided(resource: Json) -> bool:
    """Whether a resource says that someone has judged it (Condition.verificationStatus, Observation.status)."""
    codings = resource.get("verificationStatus", {}).get("coding", ())
    return resource.get("status") in DECIDED or any(c.get("code") in DECIDED for c in codings)


def _is_signed(resource: Json) -> bool:
    """Whether it has what all releases write: the fact's identifier, and a source before the number of HAPI's request.

    A client that saves what it knows alone drops either.
    """
    is_named = any(i.get("system") == FACTS for i in resource.get("identifier", ()))
    return is_named and not str(resource.get("meta", {}).get("source", "")).startswith("#")


def _is_from_another(resource: Json, sources: Iterable[str]) -> bool:
    """Whether ``meta.source`` names another source; HAPI puts ``#`` and its request's number behind it.

    One that isn't there says nothing, for a server may not keep it, or keep the number alone.
    """
    source = str(resource.get("meta", {}).get("source") or "").partition("#")[0]
    return bool(source) and relative(source) not in sources


def _spoken_of(standing: Standing) -> frozenset[str]:
    """What a Provenance of someone else's names, if it was recorded after the last of ours that names it."""
    last = _last_recorded(p for p in standing.provenances if version_of(p) is not None)
    found = set()
    for provenance in standing.others:
        when = recorded_at(provenance)
        for reference in _named(provenance):
            known = last.get(reference)
            if known is None or when is None or when > known:
                found.add(reference)
    return frozenset(found)


def _last_recorded(provenances: Iterable[Json]) -> Mapping[str, datetime]:
    last: dict[str, datetime] = {}
    for provenance in provenances:
        if (when := recorded_at(provenance)) is not None:
            last |= {reference: max(when, last.get(reference, when)) for reference in _named(provenance)}
    return last


def _named(provenance: Json) -> list[str]:
    return [relative(t.get("reference", "")) for t in provenance.get("target", ())]
