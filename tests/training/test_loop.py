"""The training on a tiny model: it learns, it stops, and a killed one ends with the weights of an unbroken one."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.extraction import Task
from training.journal import read_journal
from training.loop import learning_rate, steps_of
from training.recipe import Plan, Recipe, load_recipe
from training.rows import Row, row_line

REPO = Path(__file__).parents[2]
PLAN = {
    "epochs": 4,
    "batch": 2,
    "learning_rate": 1e-3,
    "warmup": 2,
    "evaluate_every": 3,
    "patience": 9,
    "save_every": 2,
    "max_tokens": 2048,
}


@given(st.integers(0, 200), st.integers(1, 200))
def test_the_rate_rises_falls_and_never_leaves_its_bounds(warmup: int, total: int) -> None:
    plan = Plan(epochs=1, batch=1, learning_rate=1e-3, warmup=warmup, floor=0.1)
    rates = [learning_rate(step, total, plan) for step in range(total)]
    top = rates.index(max(rates))
    assert all(0 < rate <= 1e-3 for rate in rates)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)


def test_steps_count_whole_batches() -> None:
    plan = Plan(epochs=1.5, batch=4, accumulate=2, learning_rate=1e-3)
    assert steps_of(17, plan) == 5  # three steps an epoch
    assert steps_of(1, Plan(epochs=0.1, batch=4, learning_rate=1e-3)) == 1


@pytest.fixture
def data(tmp_path: Path, rows: list[Row], task: Task) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("train", "validation"):
        (folder / f"{name}.jsonl").write_text("".join(row_line(row, task) for row in rows * 3))
    return folder


def recipe(folder: Path, tiny: Path, name: str = "cpu", lora: dict[str, Any] | None = None, **plan: Any) -> Path:
    """The shipped recipe of a name, on the tiny model and with few steps; its LoRA settings stay."""
    shipped = load_recipe(name).model_dump(mode="json")
    task = str(REPO / "schemas/tasks/oncology.yaml")
    content = {**shipped, "base": str(tiny), "start": None, "task": task, "plan": {**shipped["plan"], **PLAN, **plan}}
    content["lora"] = lora or shipped["lora"]
    file = folder / "recipe.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "training", *map(str, words)]


ENVIRONMENT = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}


def trained(data: Path, out: Path, recipe: Path, *more: str) -> dict[str, Any]:
    done = subprocess.run(
        command("train", data, "--out", out, "--recipe", recipe, *more),
        cwd=REPO,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def adapter(out: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(out / "adapter" / "adapter_model.safetensors")  # type: ignore[no-any-return]


def test_a_killed_training_goes_on_and_ends_with_the_weights_of_an_unbroken_one(
    tiny: Path, data: Path, tmp_path: Path
) -> None:
    plan = recipe(tmp_path, tiny, lora={"rank": 4, "alpha": 8, "dropout": 0.1, "modules": ["q_proj", "down_proj"]})
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    unbroken = trained(data, whole, plan)
    running = subprocess.Popen(
        command("train", data, "--out", broken, "--recipe", plan),
        cwd=REPO,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith("step 8/"):  # a checkpoint lies at 6, at the latest at 8
            running.kill()
            break
    running.stderr.close()
    assert running.wait() != 0
    assert not (broken / "adapter").exists()
    resumed = trained(data, broken, plan)
    assert {**resumed, "seconds": 0} == {**unbroken, "seconds": 0}
    assert all(tensor.equal(adapter(broken)[name]) for name, tensor in adapter(whole).items())
    steps = [line["step"] for line in read_journal(broken / "journal.jsonl") if "loss" in line]
    assert steps == list(range(1, 21))


def test_a_tiny_model_learns_the_answers(tiny: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    outcome = trained(data, out, recipe(tmp_path, tiny))
    losses = [line["validation"] for line in read_journal(out / "journal.jsonl") if "validation" in line]
    assert outcome["best_loss"] == min(losses) < losses[0] < math.log(300) * 3
    assert (out / "loss.svg").read_text().count("<circle") == len(losses)


def test_the_gpu_recipe_runs_and_keeps_the_settings_of_the_8b_adapter(tiny: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    outcome = trained(data, out, recipe(tmp_path, tiny, "gpu", accumulate=2), "--epochs", "2")
    assert outcome["step"] == 6
    config = json.loads((out / "adapter" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["lora_dropout"]) == (16, 32, 0.1)
    assert sorted(config["target_modules"]) == ["k_proj", "o_proj", "q_proj", "v_proj"]


def test_training_ends_where_the_validation_loss_no_longer_falls(tiny: Path, data: Path, tmp_path: Path) -> None:
    rise = recipe(tmp_path, tiny, learning_rate=1e-12, evaluate_every=1, patience=2, warmup=0)
    outcome = trained(data, tmp_path / "run", rise)
    assert outcome["step"] < 20


def test_four_bits_without_a_gpu_are_refused_with_what_to_do(tiny: Path, data: Path, tmp_path: Path) -> None:
    plan = recipe(tmp_path, tiny, "gpu")
    done = subprocess.run(
        command("train", data, "--out", tmp_path / "run", "--recipe", plan, "--quantise"),
        cwd=REPO,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "bitsandbytes" in done.stderr or "CUDA" in done.stderr


def test_a_rate_that_destroys_the_weights_ends_the_training(tiny: Path, data: Path, tmp_path: Path) -> None:
    plan = recipe(tmp_path, tiny, learning_rate=1e30, warmup=0)
    done = subprocess.run(
        command("train", data, "--out", tmp_path / "run", "--recipe", plan),
        cwd=REPO,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "lower plan.learning_rate" in done.stderr
    assert not (tmp_path / "run" / "adapter").exists()


def test_another_recipe_or_other_data_does_not_go_on_with_a_training(tiny: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    trained(data, out, recipe(tmp_path, tiny), "--epochs", "1")
    done = subprocess.run(
        command("train", data, "--out", out, "--recipe", recipe(tmp_path, tiny, batch=1)),
        cwd=REPO,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "another recipe" in done.stderr


def test_the_shipped_recipes_are_read() -> None:
    assert {load_recipe(name).name for name in ("cpu", "gpu")} == {"cpu", "gpu"}
    assert isinstance(load_recipe("gpu"), Recipe)
