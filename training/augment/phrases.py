"""The phrases of augmentation: data (``phrases.yaml``), checked, and filled by chance."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

__all__ = ["Phrases", "load_phrases", "standing", "stands_in"]

Kind = Literal["family", "negated", "planned"]
_SLOT = re.compile(r"\{(\w+)\}")


class Phrases(BaseModel):
    """What ``phrases.yaml`` holds; its comments say what each is for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slots: Mapping[str, tuple[str, ...]]
    visits: tuple[str, ...]
    cleared: tuple[str, ...]
    families: tuple[str, ...]
    fillers: tuple[str, ...]
    headings: tuple[str, ...]
    distractors: Mapping[Kind, Mapping[str, tuple[str, ...]]]
    values: Mapping[str, tuple[str, ...]]
    wordings: Mapping[str, tuple[tuple[str, ...], ...]]

    def filled(self, phrase: str, chance: Random, **given: str) -> str:
        """A phrase with its slots filled: by what is given, else by one of the slot's list."""
        return _SLOT.sub(lambda slot: given.get(slot[1]) or chance.choice(self.slots[slot[1]]), phrase)


def load_phrases(file: Path | None = None) -> Phrases:
    """The phrases of a file, by default the shipped ones."""
    source = file or Path(__file__).parent / "phrases.yaml"
    return Phrases.model_validate(yaml.safe_load(source.read_text(encoding="utf-8")))


def standing(value: str) -> re.Pattern[str]:
    """What finds a value in a text, in any case, as whole words: "PR" does not stand in "PROGRESS", nor in "PR+"."""
    return re.compile(rf"(?<![\w+-]){re.escape(value)}(?![\w+])", re.IGNORECASE)


def stands_in(value: str, text: str) -> re.Match[str] | None:
    """The first place where a value stands in a text, as :func:`standing` has it."""
    return standing(value).search(text)
