"""A recipe: every number of a training, checked. ``training/recipes/*.yaml`` are the shipped ones."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from medie_fhir.errors import SettingsError

__all__ = ["Data", "Lora", "Plan", "Recipe", "load_recipe", "read_recipe"]

_ALL = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Data(_Frozen):
    """How many rows of each kind are made, as a share of the given ones.

    ``validation``: the share of the given rows that is held back, where no file of them is named. It is augmented by
    the same shares, so that early stopping sees negatives and long notes too.
    """

    negatives: float = Field(default=0.15, ge=0, le=10)
    composed: float = Field(default=0.15, ge=0, le=10)
    distracted: float = Field(default=0.25, ge=0, le=10)
    paraphrased: float = Field(default=0.2, ge=0, le=10)
    validation: float = Field(default=0.05, gt=0, lt=1)
    seed: int = Field(default=7, ge=0)


class Lora(_Frozen):
    """What of the base is adapted, and how much: scale = alpha ÷ rank."""

    rank: int = Field(ge=1, le=512)
    alpha: int = Field(ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    modules: tuple[str, ...] = Field(default=_ALL, min_length=1)


class Plan(_Frozen):
    """The steps. A step learns from ``batch × accumulate`` rows.

    The learning rate rises over ``warmup`` steps, and falls as a cosine to ``floor`` of its height. Every
    ``evaluate_every`` steps the validation loss is taken; where it was no better ``patience`` times in a row, training
    ends. ``save_every``: what is lost at most when it is killed. Rows of more than ``max_tokens`` are left out.
    """

    epochs: float = Field(gt=0)
    batch: int = Field(ge=1)
    accumulate: int = Field(default=1, ge=1)
    learning_rate: float = Field(gt=0)
    warmup: int = Field(default=20, ge=0)
    floor: float = Field(default=0.05, ge=0, le=1)
    weight_decay: float = Field(default=0.0, ge=0)
    betas: tuple[float, float] = (0.9, 0.95)
    clip: float = Field(default=1.0, gt=0)
    max_tokens: int = Field(default=1024, ge=32)
    evaluate_every: int = Field(default=60, ge=1)
    evaluate_rows: int = Field(default=200, ge=1)
    patience: int = Field(default=4, ge=1)
    save_every: int = Field(default=20, ge=1)
    seed: int = Field(default=0, ge=0)


class Recipe(_Frozen):
    """All that makes a training: the same recipe on the same data is the same training.

    ``base``: ``embedded``, a folder of a checkpoint, or a name on the Hugging Face hub. ``start``: a PEFT folder to
    go on from, else a fresh adapter. ``quantise``: QLoRA, the base in 4 bits (NF4, double quantisation); needs CUDA.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    base: str = Field(min_length=1)
    start: str | None = None
    task: str = "schemas/tasks/oncology.yaml"
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    quantise: bool = False
    recompute: bool = False
    """Compute activations again in the backward pass instead of keeping them: a third slower, in far less memory."""
    data: Data = Data()
    lora: Lora
    plan: Plan

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of all its numbers."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def read_recipe(text: str, name: str) -> Recipe:
    """A recipe from its file's text. Raises SettingsError with every fault on a line of its own."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        raise SettingsError(f"{name}: is not YAML") from None
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        faults = (f"{name}: {'.'.join(map(str, fault['loc'])) or 'recipe'}: {fault['msg']}" for fault in error.errors())
        raise SettingsError("\n".join(faults)) from None


def load_recipe(name: str) -> Recipe:
    """A recipe by its file, or by the name of a shipped one (``cpu``, ``gpu``). Raises SettingsError."""
    shipped = Path(__file__).parent / "recipes" / f"{name}.yaml"
    file = shipped if shipped.is_file() else Path(name)
    try:
        return read_recipe(file.read_text(encoding="utf-8"), file.name)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}: no recipe can be read there ({type(error).__name__})") from None
