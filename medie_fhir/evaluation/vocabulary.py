"""The words by which two wordings are compared: a data file of its own (``schemas/evaluation``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Self

import yaml
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from medie_fhir.errors import SettingsError
from medie_fhir.model import Frozen

__all__ = ["Alike", "FieldWords", "Rewrite", "Vocabulary", "load_vocabulary"]


def _words(value: object) -> object:
    return frozenset(value.split()) if isinstance(value, str) else value


Words = Annotated[frozenset[str], BeforeValidator(_words)]


class Rewrite(Frozen):
    """A regular expression and what stands in the place of all that it finds."""

    from_: re.Pattern[str] = Field(alias="from")
    to: str

    def __call__(self, text: str) -> str:
        """The text, rewritten."""
        return self.from_.sub(self.to, text)


class Alike(Frozen):
    """Of whole words that match, two wordings that both have some must have one in common.

    ``unless``: but for the words of a list.
    """

    pattern: re.Pattern[str]
    unless: str | None = None


class FieldWords(Frozen):
    """What a field minds; see the comments in ``schemas/evaluation/oncology.yaml``."""

    generic: Words = frozenset()
    polarity: bool = False
    forbidden_polarity: bool = False
    shares: tuple[str, ...] = ()
    opposed: tuple[tuple[str, str], ...] = ()
    alike: tuple[Alike, ...] = ()
    rewrites: tuple[Rewrite, ...] = ()
    word_rewrites: tuple[Rewrite, ...] = ()


class Vocabulary(Frozen):
    """All the words of a task. The empty one compares by the words as they are."""

    rewrites: tuple[Rewrite, ...] = ()
    function_words: Words = frozenset()
    negations: Words = frozenset()
    synonyms: Mapping[str, Words] = {}
    lists: Mapping[str, Words] = {}
    fields: Mapping[str, FieldWords] = {}

    @model_validator(mode="after")
    def _guards_name_lists(self) -> Self:
        named = {name for field in self.fields.values() for name in field.shares}
        named |= {alike.unless for field in self.fields.values() for alike in field.alike if alike.unless}
        if missing := named - self.lists.keys():
            raise ValueError(f"fields name lists that are not there: {', '.join(sorted(missing))}")
        return self

    @cached_property
    def preferred(self) -> Mapping[str, str]:
        """The word that a synonym is read as."""
        return {word: main for main, words in self.synonyms.items() for word in words}


def load_vocabulary(text: str, name: str) -> Vocabulary:
    """The vocabulary in a YAML text. Raises SettingsError with all its faults."""
    try:
        return Vocabulary.model_validate(yaml.safe_load(text) or {})
    except yaml.YAMLError:
        raise SettingsError(f"{name}: is not YAML") from None
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)]
        raise SettingsError(f"{name}: " + "; ".join(faults)) from None
