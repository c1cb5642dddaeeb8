"""The one transaction per document: its copy, what holds, what no longer holds, and who says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from medie_fhir.model import ExtractionRecord, Json, Outcome
from medie_fhir.transaction.document_copy import document_copy
from medie_fhir.transaction.identity import device_id, provenance_id
from medie_fhir.transaction.judged import judged
from medie_fhir.transaction.provenance import Act, MadeBy, extraction_provenance, retraction_provenance
from medie_fhir.transaction.review import review_tasks
from medie_fhir.transaction.source_document import SourceDocuments
from medie_fhir.transaction.stamp import relative, stamped
from medie_fhir.transaction.standing import Standing, is_in_error, place, retracted
from medie_fhir.transaction.whose import following, left_behind, of_others, without_references

__all__ = ["Made", "Reviewed", "Work", "assemble", "count_in_error", "guarded", "nothing_to_say", "transaction"]

Reviewed = Literal["keep", "flag", "overwrite"]
"""What becomes of a resource that someone else has changed: docs/reconciliation.md."""


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work on one version of a document: the ids of its Provenances, and when it was first recorded."""

    extraction: str
    retraction: str
    recorded: str

    @classmethod
    def of(cls, record: ExtractionRecord, by: MadeBy, standing: Standing) -> Work:
        """The record's work by this mapping and these tables; its time is that of its first doing."""
        produced, content = record.produced, record.text.sha256 if record.text else None
        read_by = device_id(produced.model, produced.adapter, produced.adapter_digest, produced.server)
        means = (produced.task_digest, read_by, *by)
        made = provenance_id(record.document, content, "extract", *means)
        undone = provenance_id(record.document, content, "retract", *means)
        first = standing.recorded(made) or standing.recorded(undone) or produced.at
        return cls(made, undone, first)


@dataclass(frozen=True, slots=True)
class Made:
    """What one task's reading of a document becomes: complete resources with their ids, by which work, by what."""

    record: ExtractionRecord
    resources: Sequence[Json]
    work: Work
    by: MadeBy


def assemble(
    made: Sequence[Made], standing: Standing, *, documents: SourceDocuments, reviewed: Reviewed = "keep"
) -> Json | None:
    """The transaction Bundle for a document's readings, or None where there is nothing to say.

    No two of them make the same resource; what no longer holds is the work of the first. ``documents``: how resources
    refer to the note's document. ``reviewed``: what becomes of those that someone else has changed on the server since.
    """
    record, work = made[0].record, made[0].work
    resources = [r for each in made for r in each.resources]
    document, tag = documents.reference(record.document), documents.tag(record.document)
    theirs = frozenset[str]() if reviewed == "overwrite" else judged(standing, record.document, resources)
    written = [stamped(documents.sourced(r, record.document)) for r in resources if place(r) not in theirs]
    held = theirs.union(map(place, resources))
    gone = retracted(standing.resources, held)
    if record.outcome is not Outcome.RETRACTED:  # says nothing of whose the note is
        gone += left_behind(standing, held, record.document)
        apart = of_others(standing, theirs, record.document)
        gone = [without_references(following(r, record.document), apart) for r in gone]
    gone = [stamped(r) for r in gone]
    if not resources and not gone and nothing_to_say(record, standing):
        return None
    entries: list[Json] = []
    if documents.copied(record.document):
        entries.append(document_copy(record, standing.document, url=documents.url(record)))
    entries += [*written, *gone]
    if reviewed == "flag":
        entries += review_tasks(record, resources, standing, theirs, work.recorded)
    if record.outcome is not Outcome.RETRACTED:
        for each in made:
            its, own = each.work, frozenset(map(place, each.resources))
            touched = _targets([r for r in written if place(r) in own], its.extraction, standing)
            act = Act(its.extraction, its.recorded, document, touched, tag)
            entries.append(extraction_provenance(each.record, act, each.by))
    if gone or record.outcome is Outcome.RETRACTED:
        act = Act(work.retraction, work.recorded, document, _targets(gone, work.retraction, standing), tag)
        why = record.reason.value if record.reason else "not in this version of the note, or no longer read in it"
        entries.append(retraction_provenance(record, act, why))
    return transaction(entries)


def nothing_to_say(record: ExtractionRecord, standing: Standing) -> bool:
    """Whether a record that neither writes nor takes back anything need not be known of: most notes name no cancer.

    Where something is known of the document, its version is: it keeps an older one that comes late from being written.
    For the same reason a retraction is said of a document that nothing is known of; but not where the patient isn't
    known either, for there would be nobody to say it of.
    """
    if record.outcome is Outcome.RETRACTED:
        return not standing.is_known and record.document.subject is None
    return not standing.is_known


def _targets(touched: Sequence[Json], work: str, standing: Standing) -> list[str]:
    """What a piece of work touched. Done again it may find less left to do, and keeps the targets it first had."""
    before = next((p for p in standing.provenances if p.get("id") == work), None)
    named = [relative(t.get("reference", "")) for t in before["target"]] if before else []
    facts = [t for t in named if t and not t.startswith("DocumentReference/")]
    return list(dict.fromkeys([*facts, *map(place, touched)]))


def transaction(resources: Sequence[Json]) -> Json:
    """A transaction Bundle that puts each resource in its place (update as create; FHIR R4 §3.1.0.11)."""
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": r, "request": {"method": "PUT", "url": place(r)}} for r in resources],
    }


def guarded(bundle: Json, standing: Standing) -> Json:
    """The same Bundle, to be refused where what it overwrites is not, or no longer, what was read.

    A person may edit a resource between our reading and our writing, and a member that was frozen, or a request that
    was held up on its way, must not lay an old version over a newer one that another has written meanwhile (FHIR R4,
    http, §3.1.0.5 "Managing Resource Contention"). Where no copy of the document was read, none may be there: ``W/"0"``
    is the version of none, and HAPI (8.8, tried) creates by it, or answers 409. The same goes for Tasks, which are
    never overwritten. A copy that was deleted has no version to name, and a new fact has no condition; neither have
    Provenances, which nobody else writes.
    """
    read = {place(r): r.get("meta", {}).get("versionId") for r in standing.resources}
    version = None if standing.is_copy_deleted else "0"
    if standing.document is not None:
        version = standing.document.get("meta", {}).get("versionId")

    def guard(entry: Json) -> Json:
        resource = entry["resource"]
        of_kind = {"DocumentReference": version, "Task": "0"}.get(resource["resourceType"])
        condition = read.get(place(resource), of_kind)
        if condition is None:
            return entry
        return {**entry, "request": {**entry["request"], "ifMatch": f'W/"{condition}"'}}

    return {**bundle, "entry": [guard(entry) for entry in bundle["entry"]]}


def count_in_error(bundle: Json, standing: Standing) -> int:
    """How many resources a Bundle takes back, that were not before; not counting the copy of the document."""
    before = {place(r) for r in standing.resources if is_in_error(r)}
    gone = {place(e["resource"]) for e in bundle["entry"] if is_in_error(e["resource"])}
    return sum(not reference.startswith("DocumentReference/") for reference in gone - before)
