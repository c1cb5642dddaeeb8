"""Made-up facts of every shape, by which a mapping is tried before it is used."""

from __future__ import annotations

from collections.abc import Iterator

from medie_fhir.model import (
    Alignment,
    CodedFact,
    Coding,
    Concept,
    DocumentInfo,
    Evidence,
    ExtractionRecord,
    Fact,
    Outcome,
    Produced,
)

__all__ = ["sample_facts", "sample_record"]

_ROLES = ("code", "body_site", "laterality", "gene", "value", "category", "method", "observation", "t", "n", "m")
_OF_SEVERAL_SYSTEMS = ("code", "body_site")
_KINDS = ("drug", "regimen", "surgery", "radiotherapy", "transplant", "other", "tnm-group", "tnm", "figo", "grade")


def sample_record(*, dated: bool) -> ExtractionRecord:
    """An extraction record of nobody's document, with a date or without."""
    return ExtractionRecord(
        document=DocumentInfo(
            reference="DocumentReference/sample",
            subject={"reference": "Patient/sample"},
            date="2026-01-01T10:00:00Z" if dated else None,
        ),
        produced=Produced(at="2026-01-02T10:00:00Z", software="sample", task="sample", task_digest="0", model="sample"),
        outcome=Outcome.EXTRACTED,
    )


def sample_facts(field: str) -> Iterator[CodedFact]:
    """Facts of a field with every role coded, of every kind, with attributes, and with text only.

    Some are coded in two systems, some stand at two places: where one value is due, a template must take one.
    """
    coding = Coding(system="http://example.org/codes", code="sample", display="Sample")
    roles = dict.fromkeys(_ROLES, (coding,))
    present = {
        "code": (Coding(system="http://snomed.info/sct", code="363346000", display="Malignant neoplastic disease"),)
    }
    quantity = {"value": 12.4, "unit": "ng/mL", "system": "http://unitsofmeasure.org", "code": "ng/mL"}
    other = Coding(system="http://example.org/more-codes", code="sample", display="Sample")
    several = roles | dict.fromkeys(_OF_SEVERAL_SYSTEMS, (coding, other))
    concepts = (
        Concept("sample|coded", roles, {}, "exact"),
        Concept("sample|coded-twice", several, {}, "exact"),
        Concept("sample|quantity", present, {"quantity": quantity, "presence": "present"}, "rule"),
        Concept("sample|variant", {"gene": (coding, coding)}, {"hgvs_p": "p.Leu858Arg", "presence": "absent"}, "rule"),
        Concept("text|sample", {}, {}, "none"),
        *(Concept(f"sample|{kind}", roles, {"kind": kind}, "rule") for kind in _KINDS),
        Concept("sample|combination", {"ingredient": (coding, coding)}, {"kind": "regimen"}, "rule"),
    )
    for index, concept in enumerate(concepts):
        fact = Fact(
            field=field,
            value="sample {{ 1 + 1 }}",
            evidence=tuple(Evidence(start=9 * n, end=9 * n + 6, text="sample") for n in range(1 + index % 2)),
            alignment=Alignment.EXACT,
            confidence=0.9 if index % 2 else None,
            readers=("model",),
        )
        yield CodedFact(fact, concept, f"00000000-0000-5000-8000-{index:012}")
