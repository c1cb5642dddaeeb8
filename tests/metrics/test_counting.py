"""What is counted and timed is what a scrape reads, under labels that hold nothing but fixed words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from consumers.outcomes import Verdict
from medie_fhir.errors import Policy
from medie_fhir.metrics import (
    DEAD_LETTERS,
    ERRORS,
    MAPPING_RELOADS,
    MODEL_TOKENS,
    OTHER,
    OUTCOMES,
    RESOURCES,
    TERMINOLOGY_VALUES,
    Metrics,
)
from medie_fhir.telemetry import Silent, Telemetry, Together, trace_headers

PARENT = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """What a scrape would read."""
    text = generate_latest(metrics.registry).decode()
    families = text_string_to_metric_families(text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_a_record_and_its_stations_are_timed_and_the_trace_is_passed_on() -> None:
    metrics = Metrics()
    listener: Telemetry = Together(metrics, Silent())
    with listener.record("extract", PARENT), listener.station("document"):
        assert trace_headers() == PARENT
    with pytest.raises(KeyError), metrics.record("publish", {}):
        raise KeyError
    read = samples(metrics)
    assert read["medie_record_seconds_count", (("stage", "extract"),)] == 1
    assert read["medie_record_seconds_count", (("stage", "publish"),)] == 1
    assert read["medie_station_seconds_count", (("station", "document"),)] == 1
    assert read["medie_station_seconds_count", (("station", "coding"),)] == 0


def test_outcomes_errors_dead_letters_and_tokens_are_counted_by_their_labels() -> None:
    metrics = Metrics()
    for _ in range(2):
        metrics.outcome("extract", "skipped", "image")
    metrics.outcome("publish", Verdict.ACCEPTED, None)
    metrics.error("extract", "ModelUnavailable", Policy.RETRY)
    metrics.dead_letter("extract", "NotJson")
    metrics.tokens(300, 40)
    metrics.tokens(10, 2)
    assert metrics.counted(OUTCOMES) == {("extract", "skipped", "image"): 2, ("publish", "accepted", ""): 1}
    assert metrics.counted(ERRORS) == {("extract", "ModelUnavailable", "retry"): 1}
    assert metrics.counted(DEAD_LETTERS) == {("extract", "NotJson"): 1}
    assert metrics.counted(MODEL_TOKENS) == {("prompt",): 310, ("completion",): 42}
    read = samples(metrics)
    assert read["medie_outcomes_total", (("detail", "image"), ("stage", "extract"), ("verdict", "skipped"))] == 2
    assert read["medie_model_tokens_total", (("kind", "prompt"),)] == 310


def test_resources_are_counted_by_what_became_of_them_from_zero_on() -> None:
    metrics = Metrics()
    assert samples(metrics)["medie_resources_total", (("change", "kept"),)] == 0
    metrics.resources(written=4, retracted=1, kept=0)
    metrics.resources(written=0, retracted=0, kept=2)
    assert metrics.counted(RESOURCES) == {("written",): 4, ("retracted",): 1, ("kept",): 2}


def test_one_mapping_is_in_use_and_a_refused_edit_of_it_shows_until_a_good_one() -> None:
    metrics = Metrics()
    assert not [name for name, _ in samples(metrics) if name in ("medie_mapping_info", "medie_mapping_refused")]
    metrics.mapping("a@1.0.0#1", refused=True)
    assert samples(metrics)["medie_mapping_refused", ()] == 1
    metrics.mapping("a@1.0.1#2", refused=False)
    assert samples(metrics)["medie_mapping_refused", ()] == 0
    assert [labels for name, labels in samples(metrics) if name == "medie_mapping_info"] == [(("label", "a@1.0.1#2"),)]
    metrics.mapping_reload(loaded=True)
    assert metrics.counted(MAPPING_RELOADS) == {("loaded",): 1}
    assert samples(metrics)["medie_mapping_reloads_total", (("result", "refused"),)] == 0


def test_the_first_dead_letter_of_a_class_is_an_increase() -> None:
    read = samples(Metrics())
    for name in ("NotJson", "FhirRejected", "ModelUnavailable"):
        assert read["medie_dead_letters_total", (("error", name), ("stage", "extract"))] == 0


def test_two_programs_in_one_process_do_not_count_together() -> None:
    one, other = Metrics(), Metrics()
    one.tokens(5, 5)
    assert other.counted(MODEL_TOKENS) == {}


@given(st.text(min_size=1))
def test_a_word_that_is_not_ours_never_becomes_a_label(text: str) -> None:
    word = f"Zyxomunda {text}"
    metrics = Metrics()
    before = len(samples(metrics))
    metrics.outcome(word, word, word)
    metrics.error(word, word, Policy.STOP)
    metrics.dead_letter(word, word)
    with metrics.record(word, {}), metrics.station(word):
        pass
    assert metrics.counted(OUTCOMES) == {(OTHER, OTHER, OTHER): 1}
    assert len(samples(metrics)) <= before + 3
    assert "Zyxomunda" not in generate_latest(metrics.registry).decode()


def test_what_the_terminology_server_answers_is_as_it_is_at_the_scrape() -> None:
    metrics, answers = Metrics(), {"coded": 0, "unknown": 0, "unanswered": 0}
    name = TERMINOLOGY_VALUES.name
    assert (name, (("answer", "coded"),)) not in samples(metrics)  # where none is asked
    metrics.terminology(answers)
    answers["coded"] = 3
    assert samples(metrics)[name, (("answer", "coded"),)] == 3
    assert samples(metrics)[name, (("answer", "unanswered"),)] == 0
