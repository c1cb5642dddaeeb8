"""A calibration fitted to a run of both readers, and the rows of what both read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from medie_fhir.confidence import load_calibration

Command = Callable[..., Result]
TEXT = "ASSESSMENT: Lung adenocarcinoma, stage IV. Partial response."
FIELDS = {"cancer_type", "stage", "gene_mutation", "biomarker", "treatment", "response", "metastasis_site"}


def fact(field: str, value: str, own: dict[str, float], at: str = "") -> dict[str, Any]:
    start = TEXT.find(at or value)
    evidence = [{"start": start, "end": start + len(at or value), "text": at or value}] if start >= 0 else []
    return {
        "field": field,
        "value": value,
        "evidence": evidence,
        "alignment": "exact" if evidence else "none",
        "readers": [*own],
        "sightings": [{"reader": reader, "value": value, "confidence": sure} for reader, sure in own.items()],
        "confidence": max(own.values()),
    }


@pytest.fixture
def both(gold: Path, saved: Path) -> tuple[Path, Path]:
    """Twelve notes that both readers read: the model's stage is right where it is sure, its response invented."""
    header = json.loads(saved.read_text().splitlines()[0]) | {"readers": ["lexicon", "model"]}
    record = json.loads(saved.read_text().splitlines()[1])["record"]
    notes, lines = [], [json.dumps(header)]
    for number in range(12):
        sure = number % 3 > 0
        facts = [
            fact("cancer_type", "Lung adenocarcinoma", {"lexicon": 0.9, "model": 0.9}),
            fact("stage", "stage IV" if sure else "stage II", {"model": 0.95 if sure else 0.3}),
            fact("metastasis_site", "liver", {"model": 0.4}),
        ]
        wanted = {"cancer_type": ["Lung adenocarcinoma"], "stage": ["stage IV"]}
        notes.append({"id": f"n{number}", "text": TEXT, "gold": wanted})
        lines.append(json.dumps({"id": f"n{number}", "seconds": 0.1, "record": record | {"facts": facts}}))
    gold.write_text("".join(json.dumps(note) + "\n" for note in notes))
    saved.write_text("\n".join(lines) + "\n")
    return gold, saved


def test_what_both_read_and_how_their_confidences_hold_stand_beside_what_is_written(
    command: Command, both: tuple[Path, Path]
) -> None:
    gold, run = both
    view = json.loads(command(gold, "--run", run, "--json").stdout)
    assert view["readers"].keys() == {"lexicon", "model"}
    assert view["read"]["fields"]["cancer_type"]["f1"] == 1
    assert view["read"]["fields"].keys() == FIELDS
    assert view["read"]["predicted"] < view["readers"]["model"]["saw"]["predicted"], "not all of it is probable"
    assert view["reliability"]["seen"].keys() == {"own", "calibrated"}
    assert sum(b["values"] for b in view["reliability"]["seen"]["own"]["bins"]) == 36
    table = command(gold, "--run", run).stdout
    assert "read by all together" in table
    assert "Reliability of all that was seen" in table


def test_a_calibration_is_fitted_to_a_run_and_is_a_tasks_file(
    command: Command, both: tuple[Path, Path], tmp_path: Path
) -> None:
    gold, run = both
    file = tmp_path / "confidence.yaml"
    told = command(gold, "--run", run, "--fit-confidence", file)
    assert told.exit_code == 0, told.stderr
    text = file.read_text(encoding="utf-8")
    assert "# Fitted to 12 notes with 36 values, 20 of them right." in text
    assert "adenocarcinoma" not in text
    found = load_calibration(text, file.name, FIELDS)
    assert found.fields.keys() == FIELDS
    assert found.fields["stage"].model_logit > 0, "what the model was surer of was right"
    assert found.fields["metastasis_site"].constant < found.fields["cancer_type"].constant


def test_the_same_in_other_words_is_two_values_to_fit_to_as_it_is_two_to_calibrate(
    command: Command, both: tuple[Path, Path], tmp_path: Path
) -> None:
    gold, run = both
    header, *lines = [json.loads(line) for line in run.read_text().splitlines()]
    for line in lines:  # one fact as soon as both are coded
        line["record"]["facts"].append(fact("response", "Partial response", {"lexicon": 0.9}))
        line["record"]["facts"].append(fact("response", "PR", {"model": 0.8}, at="Partial response"))
    run.write_text("".join(json.dumps(line) + "\n" for line in (header, *lines)))
    seen = json.loads(command(gold, "--run", run, "--json").stdout)["reliability"]["seen"]["own"]
    assert sum(b["values"] for b in seen["bins"]) == 48
    command(gold, "--run", run, "--fit-confidence", tmp_path / "confidence.yaml")
    assert "with 60 values" in (tmp_path / "confidence.yaml").read_text(encoding="utf-8")


def test_a_run_of_one_reader_or_of_few_notes_fits_nothing(
    command: Command, both: tuple[Path, Path], tmp_path: Path
) -> None:
    gold, run = both
    few = command(gold, "--run", run, "--limit", "3", "--fit-confidence", tmp_path / "c.yaml")
    assert (few.exit_code, "too few to fit to" in few.stderr) == (2, True)
    run.write_text(run.read_text().replace('"readers": ["lexicon", "model"]', '"readers": ["model"]', 1))
    one = command(gold, "--run", run, "--fit-confidence", tmp_path / "c.yaml")
    assert (one.exit_code, "both readers" in one.stderr) == (2, True)
    assert not (tmp_path / "c.yaml").exists()
