"""What the demo shows: one note's resources, and what became of the whole stream."""

from __future__ import annotations

import json
from collections import Counter

from rich.table import Table

from consumers.cli.options import out
from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.mapping import DERIVATION
from medie_fhir.model import DocumentInfo, Json
from medie_fhir.transaction import document_id, is_in_error

__all__ = ["facts_of", "held_of", "show_note", "show_summary"]

_SEEDS = frozenset({"Patient", "Binary"})


def facts_of(twin: FhirTwin, document: str) -> list[Json]:
    """The Conditions and Observations that hold because of a document."""
    ours = f"DocumentReference/{document_id(DocumentInfo(reference=document))}"
    found = [r for kind in ("Condition", "Observation") for r in twin.current(kind)]
    return [r for r in found if not is_in_error(r) and ours in json.dumps(r.get("extension", ()))]


def held_of(twin: FhirTwin) -> Counter[str]:
    """How many of the resources that we wrote hold now, by kind; those entered in error don't."""
    written = (r for r in twin.current() if r["resourceType"] not in _SEEDS)
    return Counter(str(r["resourceType"]) for r in written if not is_in_error(r))


def show_note(twin: FhirTwin, document: str) -> None:
    """What one note became, and one of its resources as it stands on the server."""
    facts = facts_of(twin, document)
    table = Table("resource", "code", "value", "offset+length", title=f"What {document} became", title_justify="left")
    for resource in facts:
        table.add_row(resource["resourceType"], _words(resource["code"]), _value(resource), _places(resource))
    out.print()
    out.print(table)
    if facts:
        shortest = min(facts, key=lambda resource: len(json.dumps(resource)))
        out.print("The shortest of them, as it stands on the FHIR server:\n", highlight=False)
        out.print_json(json.dumps(shortest))


def show_summary(tally: Json, held: Counter[str], *, records: int) -> None:
    """What became of the stream, and what holds now."""
    counted = ("accepted", "skipped", "retracted", "dead_letters")
    summary = Table("records", "events", *(name.replace("_", " ") for name in counted), title_justify="left")
    summary.add_row(str(records), *(str(tally[name]) for name in ("events", *counted)))
    kinds = Table("resource", "current", title_justify="left")
    for kind, count in sorted(held.items()):
        kinds.add_row(kind, str(count))
    out.print()
    out.print(summary)
    out.print(kinds)
    out.print(f"{tally['new_versions']} new resource versions in {tally['seconds']:.0f} s\n", highlight=False)


def _words(concept: Json) -> str:
    """A CodeableConcept in words: the display of its code, else its text, else the code."""
    codings = concept.get("coding", ())
    said = (*(c.get("display") for c in codings), concept.get("text"), *(c["code"] for c in codings))
    return str(next(filter(None, said), ""))


def _value(resource: Json) -> str:
    if quantity := resource.get("valueQuantity"):
        return " ".join(str(quantity[k]) for k in ("comparator", "value", "unit") if k in quantity)
    if components := resource.get("component"):
        values = [*(c.get("valueCodeableConcept", {}) for c in components), resource.get("valueCodeableConcept", {})]
        return " ".join(filter(None, map(_words, values)))
    value: Json = resource.get("valueCodeableConcept", {})
    return str(value.get("text") or resource.get("valueString") or "")


def _places(resource: Json) -> str:
    derivations = (e["extension"] for e in resource["extension"] if e["url"] == DERIVATION)
    parts = ({p["url"]: p.get("valueInteger") for p in derivation} for derivation in derivations)
    return ", ".join(f"{p['offset']}+{p['length']}" for p in parts)
