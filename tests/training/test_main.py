"""The commands, one after the other, on a tiny model: from pairs to a card."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from medie_fhir.adapters.lora import digest_of
from medie_fhir.errors import SettingsError
from medie_fhir.extraction import Task
from training.__main__ import app
from training.recipe import load_recipe
from training.rows import Row, row_line

REPO = Path(__file__).parents[2]


def ran(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def recipe(base: str, folder: Path) -> Path:
    plan = {"epochs": 1, "batch": 4, "learning_rate": 1e-3, "evaluate_every": 4, "max_tokens": 4096}
    shipped = load_recipe("cpu").model_dump(mode="json")
    content = {**shipped, "name": "tiny", "base": base, "start": None, "plan": plan}
    content["task"] = str(REPO / "schemas/tasks/oncology.yaml")
    file = folder / "tiny.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


@pytest.fixture
def pairs(tmp_path: Path, rows: list[Row], task: Task) -> Path:
    file = tmp_path / "pairs.jsonl"
    many = [Row(f"Case {number}. {row.text}", row.answer) for number in range(6) for row in rows]
    file.write_text("".join(row_line(row, task) for row in many))
    return file


def test_prepared_files_are_their_owners_alone_and_the_same_each_time(pairs: Path, tmp_path: Path) -> None:
    plan = recipe("none", tmp_path)
    counts = json.loads(ran("prepare", pairs, "--out", tmp_path / "a", "--recipe", plan, "--validation", pairs))
    assert counts["train"]["given"] == counts["validation"]["given"] == 18
    ran("prepare", pairs, "--out", tmp_path / "b", "--recipe", plan, "--validation", pairs)
    for name in ("train.jsonl", "validation.jsonl"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
        assert stat.S_IMODE((tmp_path / "a" / name).stat().st_mode) == 0o600


def test_what_is_not_a_recipe_nor_a_finished_run_is_refused(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no recipe"):
        ran("prepare", pairs, "--out", tmp_path, "--recipe", "nothing")
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(SettingsError, match="has not ended"):
        ran("export", tmp_path, "--out", tmp_path / "out")


def test_from_pairs_to_a_card(
    tiny: Path, tiny_gguf: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    plan, data, run, out = recipe(str(tiny), tmp_path), tmp_path / "data", tmp_path / "run", tmp_path / "out"
    ran("prepare", pairs, "--out", data, "--recipe", plan, "--validation", pairs)
    ran("train", data, "--out", run, "--recipe", plan)
    told = dict(reversed(line.split("  ")) for line in ran("export", run, "--out", out, "--f32").splitlines())
    assert told == {str(path): digest_of(path) for path in (out / "peft", out / "tiny.lora.gguf")}
    options = ("--base", tiny, "--base-gguf", tiny_gguf, "--recipe", plan, "--tokens", 16)
    found = json.loads(ran("parity", out, data / "validation.jsonl", *options))
    assert found["mean"] < 0.03
    assert found["prompts_differ"] == 0
    measured: dict[str, Any] = {
        "run": {"adapter_digest": digest_of(out / "tiny.lora.gguf"), "readers": ["model"], "gold": "0" * 64},
        **dict.fromkeys(("macro_f1", "exact_f1", "precision", "recall", "f1"), 0.0),
        "notes": 18,
        "forbidden": 0,
        "negatives": {"notes": 0, "clean": 0},
        "fields": {},
    }
    (tmp_path / "own notes.json").write_text(json.dumps(measured))
    ran("card", run, out, "--evaluation", tmp_path / "own notes.json")
    card = (out / "README.md").read_text()
    assert "### own notes" in card
    assert measured["run"]["adapter_digest"] in card
    assert (out / "loss.svg").is_file()
