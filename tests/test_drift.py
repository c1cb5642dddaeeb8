"""What an adapter sees is counted by adapter and field, and nothing of a patient's is told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from medie_fhir.drift import Drift, Seen, adapter_label
from medie_fhir.metrics import OTHER, READ_FIELDS, READ_NOTES, READ_VALUES, SHADOW_NOTES, SHADOW_VALUES
from medie_fhir.model import Alignment, DocumentInfo, ExtractionRecord, Fact, Outcome, Produced, Sighting

BY = Produced(
    at="2026-01-01T00:00:00Z",
    software="x",
    task="t@1",
    task_digest="d",
    model="base",
    adapter="ie",
    adapter_digest="ab" * 32,
)


def fact(
    field: str, *, found: bool = True, confidence: float | None = None, readers: tuple[str, ...] = ("model",)
) -> Fact:
    alignment = Alignment.EXACT if found else Alignment.NONE
    return Fact(field=field, value="Zyxomunda", alignment=alignment, confidence=confidence, readers=readers)


def record(*facts: Fact, outcome: Outcome = Outcome.EXTRACTED, by: Produced = BY) -> ExtractionRecord:
    document = DocumentInfo(reference="DocumentReference/Zyxomunda")
    return ExtractionRecord(document=document, produced=by, outcome=outcome, facts=facts)


def drift_of(*records: ExtractionRecord) -> tuple[Drift, CollectorRegistry]:
    registry = CollectorRegistry()
    drift = Drift(registry, {"t": ("stage", "treatment")})
    for each in records:
        if seen := Seen.of(each, "model"):
            drift.read(seen)
    return drift, registry


def test_null_share_values_a_note_and_ungrounded_share_can_be_told_by_adapter() -> None:
    drift, _ = drift_of(record(fact("stage"), fact("stage", found=False)), record(fact("treatment")), record())
    ie = "ie@abababababab"
    assert drift.counted(READ_NOTES) == {(ie,): 3}
    assert drift.counted(READ_FIELDS) == {
        (ie, "stage", "value"): 1,
        (ie, "stage", "none"): 2,
        (ie, "treatment", "value"): 1,
        (ie, "treatment", "none"): 2,
    }
    assert drift.counted(READ_VALUES) == {
        (ie, "stage", "grounded"): 1,
        (ie, "stage", "ungrounded"): 1,
        (ie, "treatment", "grounded"): 1,
    }


def test_confidences_fall_into_buckets() -> None:
    _, registry = drift_of(record(fact("stage", confidence=0.95), fact("stage", confidence=0.3), fact("stage")))
    labels = {"adapter": "ie@abababababab"}
    assert registry.get_sample_value("medie_adapter_confidence_ratio_count", labels) == 2
    assert registry.get_sample_value("medie_adapter_confidence_ratio_bucket", labels | {"le": "0.3"}) == 1
    assert registry.get_sample_value("medie_adapter_confidence_ratio_bucket", labels | {"le": "0.95"}) == 2


def test_what_the_lexical_reader_alone_saw_is_not_the_adapters() -> None:
    drift, _ = drift_of(record(fact("stage", readers=("lexicon",)), fact("treatment", readers=("lexicon", "model"))))
    assert {field for _, field, _ in drift.counted(READ_VALUES)} == {"treatment"}


def test_where_no_model_was_asked_nothing_is_counted() -> None:
    nobody = BY.model_copy(update={"adapter": None, "model": "none"})
    drift, _ = drift_of(record(outcome=Outcome.TRIAGED), record(outcome=Outcome.RETRACTED), record(by=nobody))
    assert drift.counted(READ_NOTES) == {}


def test_a_model_without_an_adapter_is_known_by_its_own_name() -> None:
    assert adapter_label(BY.model_copy(update={"adapter": None, "adapter_digest": None})) == "base"
    assert adapter_label(BY.model_copy(update={"adapter_digest": None})) == "ie"


def test_the_shadows_differences_are_counted_by_field() -> None:
    drift, _ = drift_of()
    drift.shadow("new@1", "compared", {("stage", "agree"): 2, ("stage", "only-second"): 1})
    drift.shadow("new@1", "dropped", {})
    assert drift.counted(SHADOW_NOTES) == {("new@1", "compared"): 1, ("new@1", "dropped"): 1}
    assert drift.counted(SHADOW_VALUES) == {("new@1", "stage", "agree"): 2, ("new@1", "stage", "only-second"): 1}


@given(st.text(min_size=1))
def test_no_word_that_is_not_ours_becomes_a_label(text: str) -> None:
    word = f"Zyxomunda {text}"
    drift, registry = drift_of(record(fact(word, confidence=0.5), by=BY.model_copy(update={"adapter": word})))
    drift.shadow(word, word, {(word, word): 1})
    assert drift.counted(SHADOW_VALUES) == {(OTHER, OTHER, OTHER): 1}
    assert "Zyxomunda" not in generate_latest(registry).decode()


def test_ever_new_names_of_adapters_do_not_make_ever_more_series() -> None:
    drift, _ = drift_of(*(record(by=BY.model_copy(update={"adapter": f"a{n}"})) for n in range(50)))
    counts = drift.counted(READ_NOTES)
    assert len(counts) == 21
    assert counts[OTHER,] == 30


def test_the_adapters_own_confidence_counts_and_not_the_calibrated_one() -> None:
    own = (Sighting(reader="lexicon", value="x", confidence=0.9), Sighting(reader="model", value="x", confidence=0.3))
    both = fact("stage", confidence=0.99, readers=("lexicon", "model")).model_copy(update={"sightings": own})
    seen = Seen.of(record(both), "model")
    assert seen is not None
    assert seen.confidences == (0.3,)
