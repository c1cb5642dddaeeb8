"""Tasks for a reviewer: what a person has changed, and the note now says otherwise or no more (``reviewed: flag``)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from medie_fhir.model import ExtractionRecord, Json
from medie_fhir.transaction.identity import BASE, task_id
from medie_fhir.transaction.stamp import SYSTEM, stamp_of, subject_of
from medie_fhir.transaction.standing import Standing, is_in_error, place

__all__ = ["REASONS", "review_tasks", "tasks", "without"]

_CODES = f"{BASE}/task"
REASONS = {
    "read-differently": "The note is read differently now",
    "note-of-another-patient": "The note is another patient's now, and this stayed where it was",
    "no-longer-read": "The note no longer says it, or it is no longer read in it",
    "note-entered-in-error": "The note was entered in error",
    "note-superseded": "The note was superseded",
    "note-replaced": "The note was replaced",
    "note-deleted": "The note was deleted",
}
"""Why a person should look again: code and words, never the note's."""


def review_tasks(
    record: ExtractionRecord, resources: Sequence[Json], standing: Standing, judged: Collection[str], recorded: str
) -> list[Json]:
    """A Task for each resource that stands as a person left it, where the note is not as it was then.

    A note that says what it said asks for nothing: the stamp, which an edit leaves behind, tells what that was. One
    cause makes one Task, however often it comes; ``recorded`` is the time of the work.
    """
    new = {place(r): (stamp_of(r), subject_of(r)) for r in resources}
    made = []
    for resource in standing.resources:
        reference, before = place(resource), _stamp(resource)
        if reference not in judged or (is_in_error(resource) and reference not in new):
            continue
        if reference not in new:
            why = f"note-{record.reason.value}" if record.reason else "no-longer-read"
            made.append(_task(record, resource, recorded, why))
        elif before is not None and (changed := _changed(before, resource, *new[reference])):
            made.append(_task(record, resource, recorded, changed, new[reference][0]))
    return made


def tasks(bundle: Json) -> list[str]:
    """The references of the Tasks in a Bundle."""
    return [place(e["resource"]) for e in bundle["entry"] if e["resource"]["resourceType"] == "Task"]


def without(bundle: Json, references: Iterable[str]) -> Json:
    """The Bundle without these resources: a Task that stands is the reviewer's."""
    left_out = frozenset(references)
    return {**bundle, "entry": [e for e in bundle["entry"] if place(e["resource"]) not in left_out]}


def _stamp(resource: Json) -> str | None:
    return next((i.get("value") for i in resource.get("identifier", ()) if i.get("system") == SYSTEM), None)


def _changed(before: str, standing: Json, now: str, whose: str | None) -> str | None:
    """In what a note differs that is read as ``now`` and was as ``before``; a merge of patients is no difference."""
    (content_before, _, whose_before), (content, _, whose_now) = before.rpartition("."), now.rpartition(".")
    if whose_before != whose_now and whose != subject_of(standing):
        return "note-of-another-patient"
    return None if content_before == content else "read-differently"


def _task(record: ExtractionRecord, focus: Json, recorded: str, why: str, *more: str) -> Json:
    id_ = task_id(record.document, place(focus), why, *more)
    subject = focus.get("subject") or focus.get("patient") or record.document.subject
    return {
        "resourceType": "Task",
        "id": id_,
        "identifier": [{"system": f"{_CODES}-id", "value": id_}],
        "status": "requested",
        "intent": "proposal",
        "code": {
            "coding": [{"system": _CODES, "code": "review"}],
            "text": "Review of a resource that a person changed after it was extracted from a note",
        },
        "focus": {"reference": place(focus)},
        **({"for": subject} if subject else {}),
        "authoredOn": recorded,
        "reasonCode": {"coding": [{"system": f"{_CODES}-reason", "code": why}], "text": REASONS[why]},
    }
