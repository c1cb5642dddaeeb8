"""Made-up facts of every shape, by which a mapping is tried before it is used."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from medie_fhir.mapping.vocabulary import ROLES
from medie_fhir.model import (
    Alignment,
    Assertion,
    CodedFact,
    Coding,
    Concept,
    DocumentInfo,
    DocumentVersion,
    Evidence,
    Experiencer,
    ExtractionRecord,
    Fact,
    Outcome,
    Produced,
)

__all__ = ["full_record", "sample_facts", "sample_record"]

_Shape = tuple[str, Mapping[str, Any]]
"""The roles of a concept's codings, a role twice for two codings, ``@sct`` of SNOMED CT; and its attributes."""

_SCT = "http://snomed.info/sct"
_QUANTITY = {"value": 12.4, "unit": "ng/mL", "system": "http://unitsofmeasure.org", "code": "ng/mL"}
_BARE_NUMBER = {"value": 5, "comparator": "<"}
_TNM_OBSERVATIONS = "observation t_observation n_observation m_observation"
_ALL_ROLES = " ".join(sorted(ROLES))
_OF_ANY_FIELD: tuple[_Shape, ...] = (
    (_ALL_ROLES, {}),
    ("code code body_site body_site laterality gene value category method observation t n m", {}),
    ("code@sct", {"quantity": _QUANTITY, "presence": "present"}),
    ("gene gene", {"hgvs_p": "p.Leu858Arg", "presence": "absent"}),
    ("", {}),
    *(
        (_ALL_ROLES, {"kind": kind})
        for kind in "drug regimen surgery radiotherapy transplant other tnm-group tnm figo grade".split()  # noqa: SIM905 - reads best as words
    ),
    ("ingredient ingredient", {"kind": "regimen"}),
    ("code", {}),
    ("code code", {}),
    ("code", {"broader": True}),
    ("code", {"quantity": _QUANTITY}),
)
# What the grammars of ``coding`` give, fields of oncology; a test holds them to it.
_OF_ONCOLOGY: Mapping[str, tuple[_Shape, ...]] = {
    "cancer_type": (
        (
            "code@sct code code laterality broader broader",
            {"behaviour": "in-situ", "modifiers": ("metastatic", "left")},
        ),
        ("broader code laterality", {"broader": True, "behaviour": "uncertain", "modifiers": ("left",)}),
    ),
    "stage": (
        ("code code observation observation broader", {"kind": "generic"}),
        ("code observation observation", {"kind": "generic", "broader": True, "basis": "pathologic"}),
        ("code observation", {"kind": "tnm-group"}),
        ("code observation method", {"kind": "tnm-group", "basis": "clinical"}),
        (f"t n m {_TNM_OBSERVATIONS}", {"kind": "tnm", "t": "cT2", "n": "cN1", "m": "cM0"}),
        (_TNM_OBSERVATIONS, {"kind": "tnm", "t": "T2", "n": "N1", "m": "M0"}),
        ("t observation t_observation", {"kind": "tnm", "t": "pT2"}),
        (f"code method t {_TNM_OBSERVATIONS}", {"kind": "figo", "t": "pT2", "n": "N1", "m": "M0"}),
        ("code observation method", {"kind": "lymphoma", "broader": True, "suffix": "B"}),
        ("observation", {"kind": "limited-extensive"}),
        ("observation", {"kind": "grade"}),
    ),
    "gene_mutation": tuple(
        (roles, {"presence": presence, "kind": kind, **more})
        for roles, presence, kind, more in (
            ("code gene", "present", "mutation", {"hgvs_p": "p.Leu858Arg", "origin": "somatic"}),
            (
                "code gene",
                "present",
                "frameshift",
                {"hgvs_c": "c.68_69del", "hgvs_p": "p.Glu23fs", "origin": "germline"},
            ),
            ("code gene", "present", "deletion", {"exon": 19, "legacy": "185delag"}),
            ("code gene", "absent", "mutation", {"codon": 600}),
            ("gene gene", "present", "fusion", {}),
            ("gene gene", "absent", "fusion", {"origin": "germline"}),
            ("", "present", "mutation", {"hgvs_c": "c.68_69del", "hgvs_p": "p.Glu23fs"}),
        )
    ),
    "biomarker": tuple(
        (roles, {"marker": "PSA", "result": "PSA 12.4 ng/mL", **more})
        for roles, more in (
            ("", {}),
            ("code", {}),
            ("", {"quantity": _QUANTITY}),
            ("code", {"quantity": _QUANTITY}),
            ("code", {"quantity": _BARE_NUMBER}),
            ("code value", {"result_code": "positive"}),
            ("value value", {"result_code": "positive"}),
            ("code", {"result_code": "positive"}),
            ("code quantity value value", {"result_code": "high", "quantity": _QUANTITY}),
            ("code quantity=code value", {"result_code": "high", "quantity": _QUANTITY}),
        )
    ),
    "treatment": (
        ("ingredient ingredient category", {"kind": "targeted", "parts": ("a", "b")}),
        ("code code ingredient ingredient category", {"kind": "regimen", "parts": ("a", "b")}),
        ("code@sct category", {"kind": "drug", "broader": True}),
        ("code category@sct", {"kind": "hormone"}),
        ("category@sct", {"kind": "surgery"}),
        ("category@sct", {"kind": "other"}),
        ("code", {"kind": "immunotherapy"}),
    ),
    "metastasis_site": (
        ("code code body_site broader", {}),
        ("code body_site laterality", {"broader": True}),
        ("body_site laterality", {}),
    ),
}


def sample_record(*, dated: bool) -> ExtractionRecord:
    """An extraction record of nobody's document, with a date or without."""
    return _record(
        DocumentInfo(
            reference="DocumentReference/sample",
            subject={"reference": "Patient/sample"},
            date="2026-01-01T10:00:00Z" if dated else None,
        )
    )


def full_record() -> ExtractionRecord:
    """An extraction record of a document of which all is known: several authors, categories and identifiers, too."""
    concept = {"coding": [{"system": "http://loinc.org", "code": "11506-3"}], "text": "Progress note"}
    return _record(
        DocumentInfo(
            reference="DocumentReference/sample",
            version=DocumentVersion(version_id="2", last_updated="2026-01-01T11:00:00Z"),
            status="current",
            doc_status="final",
            type=concept,
            category=(concept, {"text": "Clinical note"}),
            date="2026-01-01T10:00:00Z",
            period={"start": "2026-01-01T08:00:00Z", "end": "2026-01-01T09:00:00Z"},
            subject={"reference": "Patient/sample"},
            encounter={"reference": "Encounter/sample"},
            author=({"reference": "Practitioner/sample"}, {"reference": "Organization/sample"}),
            identifier=({"system": "urn:sample", "value": "1"}, {"system": "urn:more", "value": "2"}),
            source="sample",
        )
    )


def sample_facts(
    field: str,
    assertions: Collection[Assertion] = (Assertion.PRESENT,),
    experiencers: Collection[Experiencer] = (Experiencer.PATIENT,),
) -> Iterator[CodedFact]:
    """Facts of a field in every shape that coding gives, and with text only; each as it may be said, and of whom.

    Some are coded in two systems, some stand at two places: where one value is due, a template must take one.
    """
    shapes = (*_OF_ANY_FIELD, *_OF_ONCOLOGY.get(field, ()))
    said = [(assertion, experiencer) for assertion in assertions for experiencer in experiencers]
    for index, (shape, (assertion, experiencer)) in enumerate((shape, one) for shape in shapes for one in said):
        fact = Fact(
            field=field,
            value="sample {{ 1 + 1 }}",
            evidence=tuple(Evidence(start=9 * n, end=9 * n + 6, text="sample") for n in range(1 + index % 2)),
            alignment=Alignment.EXACT,
            assertion=assertion,
            experiencer=experiencer,
            confidence=0.9 if index % 2 else None,
            readers=("model",),
        )
        yield CodedFact(fact, _concept(shape), f"00000000-0000-5000-8000-{index:012}")


def _record(document: DocumentInfo) -> ExtractionRecord:
    return ExtractionRecord(
        document=document,
        produced=Produced(at="2026-01-02T10:00:00Z", software="sample", task="sample", task_digest="0", model="sample"),
        outcome=Outcome.EXTRACTED,
    )


def _concept(shape: _Shape) -> Concept:
    roles, attributes = shape
    codings: dict[str, tuple[Coding, ...]] = {}
    for word in roles.split():
        name, _, system = word.partition("@")
        role, _, same = name.partition("=")
        before = codings.get(role, ())
        codings[role] = (*before, _coding(same or role, len(before), snomed=system == "sct"))
    known = bool(codings or attributes)
    return Concept(f"sample|{roles}", codings, attributes, "rule" if known else "none", "sample" if known else None)


def _coding(code: str, number: int, *, snomed: bool) -> Coding:
    if snomed:
        return Coding(system=_SCT, code="363346000", display="Malignant neoplastic disease")
    return Coding(system=f"http://example.org/codes-{number}", code=code, display="Sample")
