"""The one transaction per document: its copy, what holds, what no longer holds, and who says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medie_fhir.model import DocumentInfo, ExtractionRecord, Json, Outcome
from medie_fhir.transaction.document_copy import document_copy
from medie_fhir.transaction.identity import device_id, document_id, provenance_id
from medie_fhir.transaction.provenance import Act, extraction_provenance, retraction_provenance
from medie_fhir.transaction.standing import Standing, decided, is_in_error, retracted

__all__ = ["Work", "assemble", "count_in_error", "document_reference", "guarded", "transaction"]


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work on one version of a document: the ids of its Provenances, and when it was first recorded."""

    extraction: str
    retraction: str
    recorded: str

    @classmethod
    def of(cls, record: ExtractionRecord, mapping: str, standing: Standing) -> Work:
        """The record's work by this mapping (name, version, digest); its time is that of its first doing."""
        produced, content = record.produced, record.text.sha256 if record.text else None
        made_by = device_id(produced.model, produced.adapter, produced.adapter_digest, produced.server)
        by = (produced.task_digest, made_by, mapping)
        made = provenance_id(record.document, content, "extract", *by)
        undone = provenance_id(record.document, content, "retract", *by)
        first = standing.recorded(made) or standing.recorded(undone) or produced.at
        return cls(made, undone, first)


def document_reference(document: DocumentInfo, *, copies: bool) -> Json:
    """The Reference to the source document: to the original, or to our copy of its metadata."""
    if copies or not document.reference.startswith("DocumentReference/"):
        return {"reference": f"DocumentReference/{document_id(document)}"}
    return {"reference": document.reference}


def assemble(
    record: ExtractionRecord, resources: Sequence[Json], standing: Standing, work: Work, *, mapping: str, copies: bool
) -> Json | None:
    """The transaction Bundle for a record, or None where there is nothing to say.

    ``resources`` are complete, with their ids. ``copies``: write a copy of the document's metadata and refer to it.
    One that a person has confirmed, refuted or corrected on the server since is not overwritten with a suggestion.
    """
    document = document_reference(record.document, copies=copies)
    kept = [f"{r['resourceType']}/{r['id']}" for r in resources]
    gone = retracted(standing.resources, frozenset(kept))
    if _nothing_to_say(record, kept, gone, standing):
        return None
    entries: list[Json] = []
    if document["reference"] != record.document.reference:
        entries.append(document_copy(record, standing.document))
    judged = {f"{r['resourceType']}/{r['id']}" for r in standing.resources if decided(r)}
    entries.extend(r for r, reference in zip(resources, kept, strict=True) if decided(r) or reference not in judged)
    entries.extend(gone)
    if record.outcome is not Outcome.RETRACTED:
        act = Act(work.extraction, work.recorded, document, kept)
        entries.append(extraction_provenance(record, act, mapping))
    if gone or record.outcome is Outcome.RETRACTED:
        act = Act(work.retraction, work.recorded, document, _retraction_targets(gone, standing, work))
        why = record.reason.value if record.reason else "not in this version of the note, or no longer read in it"
        entries.append(retraction_provenance(record, act, why))
    return transaction(entries)


def _nothing_to_say(record: ExtractionRecord, kept: list[str], gone: list[Json], standing: Standing) -> bool:
    """Whether a record neither writes nor takes back anything: most notes of a hospital name no cancer.

    A retraction is said even so, for it keeps an older version that comes late from being written; but not of a
    document that nothing is known of, for there would be nobody to say it of.
    """
    if kept or gone:
        return False
    if record.outcome is Outcome.RETRACTED:
        return standing.document is None and record.document.subject is None
    return True


def _retraction_targets(gone: list[Json], standing: Standing, work: Work) -> list[str]:
    """What is retracted. Done again, a retraction finds nothing left to do, and keeps the targets it first had."""
    before = next((p for p in standing.provenances if p.get("id") == work.retraction), None)
    named = [t["reference"].split("/_history/")[0] for t in before["target"]] if before else []
    return list(dict.fromkeys([*named, *(f"{r['resourceType']}/{r['id']}" for r in gone)]))


def transaction(resources: Sequence[Json]) -> Json:
    """A transaction Bundle that puts each resource in its place (update as create; FHIR R4 §3.1.0.11)."""
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in resources
        ],
    }


def guarded(bundle: Json, standing: Standing) -> Json:
    """The same Bundle, to be refused where the document's copy is not, or no longer, the one that was read.

    A member that was frozen, or a request that was held up on its way, must not lay an old version over a newer one
    that another has written meanwhile (FHIR R4, http, §3.1.0.5 "Managing Resource Contention"). Where no copy was read,
    none may be there: ``W/"0"`` is the version of none, and HAPI (8.8, tried) creates by it, or answers 409.
    """
    version = (standing.document or {}).get("meta", {}).get("versionId", "0")

    def guard(entry: Json) -> Json:
        if entry["resource"]["resourceType"] != "DocumentReference":
            return entry
        return {**entry, "request": {**entry["request"], "ifMatch": f'W/"{version}"'}}

    return {**bundle, "entry": [guard(entry) for entry in bundle["entry"]]}


def count_in_error(bundle: Json) -> int:
    """How many resources a Bundle takes back, not counting the copy of the document."""
    resources = (entry["resource"] for entry in bundle["entry"])
    return sum(r["resourceType"] != "DocumentReference" and is_in_error(r) for r in resources)
