"""The judged codings of docs/coding-judged.csv: few are wrong, and each is still coded as it was judged."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from medie_fhir.coding import Tables, code

ROOT = Path(__file__).parents[2]
JUDGED = ROOT / "docs" / "coding-judged.csv"
MEASURE = ROOT / "scripts" / "measure_coding.py"


def rows() -> list[dict[str, str]]:
    with JUDGED.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


DRAWN = {"1": 200, "2": 200, "3": 200, "4": 250, "5": 200, "6": 51, "7": 100, "8": 100, "9": 220}


@pytest.mark.parametrize(("number", "drawn"), DRAWN.items())
def test_of_the_judged_codings_of_a_round_at_most_one_in_a_hundred_is_wrong(number: str, drawn: int) -> None:
    verdicts = [row["verdict"] for row in rows() if row["round"] == number]
    assert len(verdicts) == drawn
    assert set(verdicts) <= {"right", "wrong"}
    assert verdicts.count("wrong") <= 2


def test_every_judged_value_reaches_the_row_it_was_judged_by(tables: Tables) -> None:
    for row in rows():
        concept = code(row["field"], row["value"], tables)
        assert (concept.row or "", concept.match) == (row["row"], row["match"]), row["value"]


def test_measuring_tells_what_is_coded_otherwise_than_judged(tmp_path: Path) -> None:
    gold = tmp_path / "gold.jsonl"
    gold.write_text('{"output": {"cancer_type": "melanoma; odd thing", "stage": null}}\n')
    judged = tmp_path / "judged.csv"
    judged.write_text(
        "round,field,value,match,row,codes,verdict,reason\n1,cancer_type,melanoma,exact,cancers:melanoma,code 1,,\n"
    )
    command = [sys.executable, MEASURE, gold, "--judged", judged]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 1
    assert "cancer_type         1 of    2   50.0 %" in done.stdout
    assert "coded otherwise than judged: cancer_type: melanoma" in done.stdout


def test_a_sample_is_even_over_the_fields_and_holds_nothing_that_was_judged(tmp_path: Path) -> None:
    gold = tmp_path / "gold.jsonl"
    gold.write_text('{"gold": {"cancer_type": ["melanoma", "lung cancer"], "stage": ["IV"], "treatment": []}}\n')
    judged, drawn = tmp_path / "judged.csv", tmp_path / "drawn.csv"
    judged.write_text(
        "round,field,value,match,row,codes,verdict,reason\n1,cancer_type,melanoma,exact,cancers:melanoma,,right,\n"
    )
    command = [sys.executable, MEASURE, gold, "--judged", judged, "--sample", drawn, "--seed", "1", "--split"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert "each value as the task splits it:" in done.stdout
    with drawn.open(encoding="utf-8", newline="") as file:
        assert [(row["round"], row["value"]) for row in csv.DictReader(file)] == [("2", "lung cancer"), ("2", "IV")]
