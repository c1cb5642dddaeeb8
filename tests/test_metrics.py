"""Every metric in one place, with labels that hold nothing but fixed words."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

import medie_fhir
from consumers.outcomes import Verdict
from medie_fhir import errors
from medie_fhir.errors import MedieError, Policy
from medie_fhir.metrics import (
    DEAD_LETTERS,
    ERRORS,
    MAPPING_RELOADS,
    METRICS,
    MODEL_TOKENS,
    OTHER,
    OUTCOMES,
    RESOURCES,
    TERMINOLOGY_VALUES,
    Kind,
    Metrics,
)
from medie_fhir.model import Outcome, RetractionReason
from medie_fhir.telemetry import Silent, Telemetry, Together, trace_headers

REPO = Path(__file__).parents[1]
ALERTS = REPO / "deploy" / "prometheus" / "alerts.yaml"
PARENT = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """What a scrape would read."""
    text = generate_latest(metrics.registry).decode()
    families = text_string_to_metric_families(text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_every_name_has_our_prefix_and_its_unit_and_is_there_once() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    for metric in METRICS:
        assert re.fullmatch(r"medie_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
        if metric.kind is Kind.HISTOGRAM:
            assert metric.name.endswith(("_seconds", "_ratio"))
            assert list(metric.buckets) == sorted(metric.buckets)


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


def test_every_class_of_error_and_of_bug_is_known_by_its_name() -> None:
    metrics = Metrics()
    classes = [getattr(errors, name) for name in errors.__all__]
    names = [each.__name__ for each in classes if issubclass(each, MedieError)] + ["KeyError", "RecursionError"]
    for name in names:
        metrics.error("extract", name, Policy.RETRY)
    assert {name for _, name, _ in metrics.counted(ERRORS)} == set(names)


def test_every_reason_and_verdict_of_the_source_is_known() -> None:
    reasons = {reason.value for reason in (*Outcome, *RetractionReason)} | _words("NoteSkipped")
    assert "image" in reasons
    reasons |= {"written", "retracted", "stale", "empty"}  # Published.outcome
    metrics = Metrics()
    for verdict in Verdict:
        for reason in reasons:
            metrics.outcome("extract", verdict, reason)
    assert {key[2] for key in metrics.counted(OUTCOMES)} == reasons
    assert {key[1] for key in metrics.counted(OUTCOMES)} == set(Verdict)


def test_every_station_of_the_pipeline_is_known() -> None:
    stations = _words("station")
    assert {"event", "fhir"} <= stations
    metrics = Metrics()
    before = set(samples(metrics))
    for name in stations:
        with metrics.station(name):
            pass
    assert set(samples(metrics)) == before
    assert samples(metrics)["medie_station_seconds_count", (("station", OTHER),)] == 0


def _words(function: str) -> set[str]:
    """Every word that the library's source gives to this function, as it stands there."""
    found = set()
    for path in Path(medie_fhir.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and function in (
                getattr(node.func, "id", ""),
                getattr(node.func, "attr", ""),
            ):
                found |= {c.value for c in ast.walk(node) if isinstance(c, ast.Constant) and isinstance(c.value, str)}
    return found


def rules() -> list[dict[str, str]]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_every_alert_names_metrics_and_labels_that_exist() -> None:
    known = {metric.name: set(metric.labels) for metric in METRICS}
    for rule in rules():
        used = set(re.findall(r"\bmedie_\w+", rule["expr"]))
        assert used or rule["alert"] == "MedieFhirDown"
        assert used <= set(known), rule["alert"]
        labels = {"job", "instance"}.union(*(known[name] for name in used))
        by = {label for inside in re.findall(r"by\s*\(([^)]*)\)", rule["expr"]) for label in re.findall(r"\w+", inside)}
        selected = set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)\"", rule["expr"]))
        told = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        assert by | selected | told <= labels, rule["alert"]
        assert not by or told <= by, rule["alert"]


def test_every_alert_says_what_happened_and_what_to_do() -> None:
    assert 5 <= len(rules()) <= 10
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}  # type: ignore[index]
        assert set(rule["annotations"]) == {"summary", "description"}


def test_what_the_terminology_server_answers_is_as_it_is_at_the_scrape() -> None:
    metrics, answers = Metrics(), {"coded": 0, "unknown": 0, "unanswered": 0}
    name = TERMINOLOGY_VALUES.name
    assert (name, (("answer", "coded"),)) not in samples(metrics)  # where none is asked
    metrics.terminology(answers)
    answers["coded"] = 3
    assert samples(metrics)[name, (("answer", "coded"),)] == 3
    assert samples(metrics)[name, (("answer", "unanswered"),)] == 0
