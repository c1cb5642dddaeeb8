"""A mapping to try things on, and facts to map."""

from collections.abc import Callable
from pathlib import Path

import pytest

import medie_fhir
from medie_fhir.mapping import Mapping, load_mapping, render
from medie_fhir.model import (
    Alignment,
    CodedFact,
    Coding,
    Concept,
    DocumentInfo,
    Evidence,
    ExtractionRecord,
    Fact,
    Json,
    Outcome,
    Produced,
)
from medie_fhir.shipped import shipped

FIELDS = ("cancer_type", "stage", "gene_mutation", "biomarker", "treatment", "response", "metastasis_site")
SCT = "http://snomed.info/sct"
SOURCE = {"reference": "DocumentReference/copy"}


@pytest.fixture(scope="session")
def default_text() -> str:
    assert Path(medie_fhir.__file__).exists()
    return shipped("mappings", "default.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def default(default_text: str) -> Mapping:
    return load_mapping(default_text, "default.yaml", FIELDS)


@pytest.fixture
def record() -> ExtractionRecord:
    return ExtractionRecord(
        document=DocumentInfo(
            reference="DocumentReference/d1", subject={"reference": "Patient/p1"}, date="2026-01-01T09:00:00Z"
        ),
        produced=Produced(at="2026-01-02T10:00:00Z", software="s", task="oncology@1", task_digest="d", model="m"),
        outcome=Outcome.EXTRACTED,
    )


@pytest.fixture
def coded() -> Callable[..., CodedFact]:
    def make(field: str, value: str = "value", code: str | None = None, **more: object) -> CodedFact:
        codings = dict(more.pop("codings", {}))  # type: ignore[call-overload]
        if code:
            codings["code"] = (Coding(system=SCT, code=code, display=f"Display of {code}"),)
        attributes: Json = dict(more.pop("attributes", {}))  # type: ignore[call-overload]
        fact = Fact(
            field=field,
            value=value,
            evidence=(Evidence(start=3, end=3 + len(value), text=value),),
            alignment=Alignment.EXACT,
            readers=("model",),
            confidence=0.876,
        )
        id_ = str(more.pop("id", f"{field}-1".replace("_", "-")))
        return CodedFact(fact, Concept(f"k|{value}", codings, attributes), id_, **more)  # type: ignore[arg-type]

    return make


@pytest.fixture
def rendered(default: Mapping, record: ExtractionRecord) -> Callable[..., list[Json]]:
    def do(*facts: CodedFact, mapping: Mapping = default, of: ExtractionRecord = record) -> list[Json]:
        return render(of, facts, mapping.file, source=SOURCE, recorded="2026-01-02T10:00:00Z", system="urn:facts")

    return do
