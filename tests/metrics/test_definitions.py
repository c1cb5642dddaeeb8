"""Every metric in one place, and every alert about metrics and labels that are there."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from medie_fhir.metrics import METRICS, Kind

ALERTS = Path(__file__).parents[2] / "deploy" / "prometheus" / "alerts.yaml"


def rules() -> list[dict[str, str]]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_every_name_has_our_prefix_and_its_unit_and_is_there_once() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    for metric in METRICS:
        assert re.fullmatch(r"medie_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
        if metric.kind is Kind.HISTOGRAM:
            assert metric.name.endswith(("_seconds", "_ratio"))
            assert list(metric.buckets) == sorted(metric.buckets)


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
