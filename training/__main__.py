"""``python -m training``: prepare, train, export, parity, card. See docs/training.md."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import traceback
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer

from medie_fhir.adapters.lora import digest_of
from medie_fhir.adapters.model_files import locate
from medie_fhir.errors import DependencyMissing, InvalidTask, MedieError, SettingsError
from medie_fhir.extraction import Task, load_task
from training.base import adapted, base_folder, base_name, load_tokenizer
from training.card import card as card_of
from training.examples import Example, example, messages
from training.export import heads_of, to_gguf
from training.journal import drawing, read_journal
from training.loop import steps_of
from training.loop import train as train_model
from training.parity import asked_of_llama_cpp, compared
from training.prepare import Prepared, texts_of
from training.prepare import prepare as prepare_rows
from training.recipe import Recipe, load_recipe
from training.rows import Row, read_rows, row_line

__all__ = ["app", "main"]

app = typer.Typer(
    help="Make a LoRA adapter. See docs/training.md.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

RecipeName = Annotated[str, typer.Option("--recipe", help="cpu, gpu, or a YAML file.")]
Rows = Annotated[Path, typer.Argument(help='JSONL of {"instruction", "input", "output": {field: value or null}}.')]
Out = Annotated[Path, typer.Option("--out", help="The folder to write to.")]
RunFolder = Annotated[Path, typer.Argument(help="The folder of a training.")]


@app.command()
def prepare(
    rows: Rows,
    out: Out,
    recipe: RecipeName = "cpu",
    validation: Annotated[Path | None, typer.Option(help="Rows for validation; else some are held back.")] = None,
    negatives: Annotated[Path | None, typer.Option(help="A folder of .txt that name no malignancy.")] = None,
) -> None:
    """Mix the rows that are trained on. They hold notes: the files are their owner's alone."""
    plan = load_recipe(recipe)
    task = _task(plan)
    made = prepare_rows(
        _rows(rows, task),
        task,
        plan.data,
        validation=_rows(validation, task) if validation else None,
        negative_texts=texts_of(negatives) if negatives else (),
    )
    out.mkdir(parents=True, exist_ok=True)
    for name, side in (("train", made.train), ("validation", made.validation)):
        with os.fdopen(
            os.open(out / f"{name}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as file:
            file.writelines(row_line(row, task) for row in side)
    typer.echo(json.dumps(made.counts()))


@app.command()
def train(
    data: Annotated[Path, typer.Argument(help="The folder that prepare wrote.")],
    out: Out,
    recipe: RecipeName = "cpu",
    quantise: Annotated[bool, typer.Option("--quantise", help="QLoRA: the base in 4 bits; needs CUDA.")] = False,
    epochs: Annotated[float | None, typer.Option(min=0.001, help="In the place of the recipe's.")] = None,
) -> None:
    """Train. One that was broken off goes on from its last checkpoint, by the same command."""
    plan = load_recipe(recipe)
    plan = plan.model_copy(update={"quantise": quantise or plan.quantise})
    if epochs is not None:
        plan = plan.model_copy(update={"plan": plan.plan.model_copy(update={"epochs": epochs})})
    task, tokenizer = _task(plan), load_tokenizer(plan.base)
    prepared = Prepared(_rows(data / "train.jsonl", task), _rows(data / "validation.jsonl", task))
    about = _about(plan, task, data, prepared)
    _begin(out, about)
    rows = _examples(prepared.train, task, tokenizer, plan, "train")
    held = _examples(prepared.validation, task, tokenizer, plan, "validation")
    typer.echo(f"{len(rows)} rows, {steps_of(len(rows), plan.plan)} steps at most", err=True)
    model = adapted(plan)
    state = train_model(model, rows, held, plan=plan.plan, folder=out, tell=_tell)
    model.save_pretrained(str(out / "adapter"), save_embedding_layers=False)  # else it asks the hub
    (out / "loss.svg").write_text(drawing(read_journal(out / "journal.jsonl")), encoding="utf-8")
    outcome = {key: getattr(state, key) for key in ("step", "best_step", "best_loss", "seconds")}
    _write_json(out / "run.json", {**about, "outcome": outcome})
    typer.echo(json.dumps(outcome))


@app.command()
def export(
    run: RunFolder,
    out: Out,
    full: Annotated[bool, typer.Option("--f32", help="GGUF in 32 bits instead of 16.")] = False,
) -> None:
    """Write the adapter as a PEFT folder (vLLM) and, of a Llama, as GGUF (llama.cpp), with their digests."""
    about = _finished(run)
    folder = out / "peft"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copyfile(run / "adapter" / name, folder / name)
    _name_base(folder / "adapter_config.json", about["recipe"]["base"])
    file = out / f"{about['recipe']['name']}.lora.gguf"
    to_gguf(folder, file, heads_of(_config_of(about["recipe"]["base"])), "f32" if full else "f16")
    for path in (folder, file):
        typer.echo(f"{digest_of(path)}  {path}")


@app.command()
def parity(  # noqa: PLR0917 - typer names them
    exported: Annotated[Path, typer.Argument(help="The folder that export wrote.")],
    rows: Rows,
    base: Annotated[str, typer.Option(help="The base for transformers.")] = "embedded",
    base_gguf: Annotated[Path | None, typer.Option(help="The base for llama.cpp; by default the embedded one.")] = None,
    recipe: RecipeName = "cpu",
    notes: Annotated[int, typer.Option(min=1)] = 4,
    tokens: Annotated[int, typer.Option(min=1, help="Of each answer.")] = 48,
    most: Annotated[float, typer.Option(help="The mean difference, in nats, above which the exit code is 1.")] = 0.2,
) -> None:
    """Compare both forms' log probabilities on the first notes of a file."""
    task, tokenizer = _task(load_recipe(recipe)), load_tokenizer(base)
    asked_about = _rows(rows, task)[:notes]
    gguf = next(exported.glob("*.gguf"), exported / "adapter.gguf")
    asked = asked_of_llama_cpp(base_gguf or locate(), gguf, [messages(task, row.text) for row in asked_about], tokens)
    ours = [example(row, task, tokenizer) for row in asked_about]
    prompts = [one.tokens[: one.answer_from] for one in ours]
    found = compared(asked, prompts, base_folder(base), exported / "peft")
    typer.echo(json.dumps(asdict(found)))
    if found.mean > most or found.prompts_differ:
        raise typer.Exit(1)


@app.command()
def card(
    run: RunFolder,
    exported: Annotated[Path, typer.Argument(help="The folder that export wrote; the card is put there.")],
    evaluation: Annotated[
        list[Path] | None, typer.Option(help="Output of medie-fhir evaluate --json; its name is its title.")
    ] = None,
) -> None:
    """Write the adapter's card, README.md, beside it, with the loss plot."""
    about = _finished(run)
    paths = [exported / "peft", *sorted(exported.glob("*.gguf"))]
    files = {path.name: digest_of(path) for path in paths}
    measured = {file.stem: _read_json(file) for file in evaluation or ()}
    text = card_of(about, read_journal(run / "journal.jsonl"), files, measured)
    (exported / "README.md").write_text(text, encoding="utf-8")
    shutil.copyfile(run / "loss.svg", exported / "loss.svg")
    typer.echo(str(exported / "README.md"))


def _task(recipe: Recipe) -> Task:
    return load_task(_read(Path(recipe.task)))


def _rows(file: Path, task: Task) -> tuple[Row, ...]:
    return read_rows(_read(file).split("\n"), task, file.name)


def _examples(rows: tuple[Row, ...], task: Task, tokenizer: Any, recipe: Recipe, name: str) -> list[Example]:
    examples = [example(row, task, tokenizer) for row in rows]
    fitting = [one for one in examples if len(one.tokens) <= recipe.plan.max_tokens]
    if len(fitting) < len(examples):
        _tell(f"{name}: {len(examples) - len(fitting)} rows of more than {recipe.plan.max_tokens} tokens are left out")
    if not fitting:
        raise SettingsError(f"{name}: no row has as few as plan.max_tokens ({recipe.plan.max_tokens}) tokens")
    return fitting


def _about(recipe: Recipe, task: Task, data: Path, prepared: Prepared) -> dict[str, Any]:
    digest = hashlib.sha256()
    for name in ("train", "validation"):
        digest.update((data / f"{name}.jsonl").read_bytes())
    return {
        "recipe": recipe.model_dump(mode="json"),
        "recipe_digest": recipe.digest,
        "data_digest": digest.hexdigest(),
        "task": task.label,
        "task_digest": task.digest,
        "counts": prepared.counts(),
        "software": {name: _version(name) for name in ("medie-fhir", "torch", "transformers", "peft")},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def _begin(out: Path, about: dict[str, Any]) -> None:
    """Make the folder of a training, or see that the one there is the same training."""
    out.mkdir(parents=True, exist_ok=True)
    file = out / "run.json"
    if file.exists():
        before = _read_json(file)
        for key, what in (("recipe_digest", "recipe"), ("data_digest", "data"), ("task_digest", "task")):
            if before.get(key) != about[key]:
                raise SettingsError(f"{out}: holds a training by another {what}; give another folder, or delete it")
    else:
        _write_json(file, about)


def _finished(run: Path) -> dict[str, Any]:
    about: dict[str, Any] = _read_json(run / "run.json")
    if "outcome" not in about:
        raise SettingsError(f"{run}: its training has not ended; go on with: python -m training train")
    return about


def _config_of(base: str) -> Path:
    folder = Path(base_folder(base))
    if folder.is_dir():
        return folder / "config.json"
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(base, "config.json"))


def _name_base(config: Path, base: str) -> None:
    """The base by its name, in the place of a folder of the machine that trained."""
    _write_json(config, {**_read_json(config), "base_model_name_or_path": base_name(base)})


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: can't be read ({type(error).__name__})") from None


def _read_json(file: Path) -> Any:
    try:
        return json.loads(_read(file))
    except ValueError:
        raise SettingsError(f"{file}: is not JSON") from None


def _write_json(file: Path, value: Any) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    fresh.replace(file)


def _tell(line: str) -> None:
    typer.echo(line, err=True)


def main() -> None:
    """Run the command. An error of ours is one clear line, and its exit code the one of ``medie-fhir``.

    Of any other error the text is left out: it may hold a note's.
    """
    try:
        app(prog_name="python -m training")
    except MedieError as error:
        typer.echo(f"training: {type(error).__name__}: {error}", err=True)
        wrong_use, missing = isinstance(error, SettingsError | InvalidTask), isinstance(error, DependencyMissing)
        sys.exit(2 if wrong_use else 3 if missing else 1)
    except Exception as error:  # noqa: BLE001 - the last place: beyond it Python would print the text
        traceback.print_tb(error.__traceback__)
        typer.echo(f"training: {type(error).__name__}, a fault of this program at the place above", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
