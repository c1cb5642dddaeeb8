"""Every word that the source may give for a label is one of those that are known."""

from __future__ import annotations

import ast
from pathlib import Path

import medie_fhir
from consumers.outcomes import Verdict
from medie_fhir import errors
from medie_fhir.errors import MedieError, Policy
from medie_fhir.metrics import ERRORS, OUTCOMES, Metrics
from medie_fhir.metrics.words import STATIONS
from medie_fhir.model import Outcome, RetractionReason


def words_given_to(function: str) -> set[str]:
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


def test_every_class_of_error_and_of_bug_is_known_by_its_name() -> None:
    metrics = Metrics()
    classes = [getattr(errors, name) for name in errors.__all__]
    names = [each.__name__ for each in classes if issubclass(each, MedieError)] + ["KeyError", "RecursionError"]
    for name in names:
        metrics.error("extract", name, Policy.RETRY)
    assert {name for _, name, _ in metrics.counted(ERRORS)} == set(names)


def test_every_reason_and_verdict_of_the_source_is_known() -> None:
    reasons = {reason.value for reason in (*Outcome, *RetractionReason)} | words_given_to("NoteSkipped")
    assert "image" in reasons
    reasons |= {"written", "retracted", "stale", "empty"}  # Published.outcome
    metrics = Metrics()
    for verdict in Verdict:
        for reason in reasons:
            metrics.outcome("extract", verdict, reason)
    assert {key[2] for key in metrics.counted(OUTCOMES)} == reasons
    assert {key[1] for key in metrics.counted(OUTCOMES)} == set(Verdict)


def test_every_station_of_the_pipeline_is_known() -> None:
    stations = words_given_to("station")
    assert {"event", "fhir"} <= stations
    assert stations <= STATIONS
