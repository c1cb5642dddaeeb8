"""A task: what the model is asked, in which words, and how its answer is read. Versioned data, no code.

A task file is YAML (``schemas/tasks/oncology.yaml`` is the first). The names of the fields are written there once;
everything else asks the task for them. Another clinical field is another file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from medie_fhir.errors import InvalidTask

__all__ = ["Change", "Chunk", "FieldRule", "Message", "Task", "UniqueKeys", "load_task"]

NOTE = "{note}"
"""Where a message takes the text of the note."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Change(_Frozen):
    """What a version of the task changed."""

    version: int = Field(ge=1)
    change: str = Field(min_length=1)


class Message(_Frozen):
    """One chat message, as the adapter was trained on it."""

    role: Literal["system", "user", "assistant"]
    content: str = Field(min_length=1)


class Chunk(_Frozen):
    """How much of a note the model is given at once, in characters."""

    limit: int = Field(ge=100)


class FieldRule(_Frozen):
    """One field: its meaning, where a value falls into items, and how long a value may be, in characters.

    ``split`` is a regular expression of the separators; one inside round or square brackets doesn't split.
    ``grounding`` is for the grounding station (its ``AlignRules``), which checks it; here it is only kept.
    """

    meaning: str = Field(min_length=1)
    split: str
    max_length: int = Field(ge=8, le=2000)
    grounding: Mapping[str, Any] = Field(default_factory=dict)

    @field_validator("split")
    @classmethod
    def _splits(cls, pattern: str) -> str:
        if _compiled(pattern).fullmatch("") is not None:
            raise ValueError("matches nothing at all, and would split everywhere")
        return pattern

    @cached_property
    def separator(self) -> re.Pattern[str]:
        """``split``, compiled, case-insensitive."""
        return _compiled(self.split)


class Task(_Frozen):
    """A task. ``fields`` is in the order of the model's answer; iterating it gives the names.

    ``lexicon`` is the folder beside the task's file in which the lexical reader's rules are; without it there is none.
    ``confidence`` is the file, beside the task's, that says what the readers' confidences are worth; without it they
    stay as they are.

    ``lead`` is a regular expression of words that an item may begin with and that are no part of it ("then …").
    ``empty`` are the words by which a model says that there is no value. ``triage`` are regular expressions, of which
    one must match, at the beginning of a word and in any case, for a text to be shown to the model at all.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    version: int = Field(ge=1)
    history: tuple[Change, ...]
    adapter: str = Field(min_length=1)
    lexicon: str | None = Field(default=None, pattern=r"^[\w-]+$")
    confidence: str | None = Field(default=None, pattern=r"^([\w-]+/)*[\w-]+\.yaml$")
    messages: tuple[Message, ...] = Field(min_length=1)
    max_tokens: int = Field(ge=16)
    chunk: Chunk
    fields: Mapping[str, FieldRule] = Field(min_length=1)
    lead: str = ""
    empty: tuple[str, ...] = ()
    triage: tuple[str, ...] = Field(min_length=1)

    @field_validator("triage")
    @classmethod
    def _stems(cls, stems: tuple[str, ...]) -> tuple[str, ...]:
        for stem in stems:
            if _compiled(stem).match("") is not None:
                raise ValueError(f"the stem {stem!r} matches every text")
        return stems

    @field_validator("lead")
    @classmethod
    def _leads(cls, pattern: str) -> str:
        _compiled(pattern)
        return pattern

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if sum(message.content.count(NOTE) for message in self.messages) != 1 or NOTE not in self.messages[-1].content:
            raise ValueError(f"messages: {NOTE} must stand once, in the last message")
        if self.version not in {change.version for change in self.history}:
            raise ValueError(f"history: says nothing of version {self.version}")
        for name in self.fields:
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ValueError(f"fields: {name!r} is no name: small letters, digits and _ only")
        return self

    @property
    def label(self) -> str:
        """The task's name and version, as a record names it."""
        return f"{self.name}@{self.version}"

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of all that can change a reading, in a canonical form: everything but the history."""
        return hashlib.sha256(self.model_dump_json(exclude={"history"}).encode()).hexdigest()

    @cached_property
    def no_values(self) -> frozenset[str]:
        """``empty``, for look-up by a case-folded item."""
        return frozenset(word.casefold() for word in self.empty)

    @cached_property
    def sign(self) -> re.Pattern[str]:
        """All of ``triage`` in one pattern."""
        return re.compile(r"\b(?:" + "|".join(f"(?:{stem})" for stem in self.triage) + ")", re.IGNORECASE)

    @cached_property
    def leading(self) -> re.Pattern[str]:
        """``lead``, compiled, case-insensitive."""
        return _compiled(self.lead)


def load_task(text: str) -> Task:
    """A task from the text of its file. Raises InvalidTask, with every fault on a line of its own."""
    try:
        content = yaml.load(text, Loader=UniqueKeys)  # noqa: S506 - a SafeLoader, that refuses repeated keys besides
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise InvalidTask(f"{where}not YAML: {getattr(error, 'problem', None) or 'it cannot be read'}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidTask(f"not YAML: {type(error).__name__}") from error
    try:
        return Task.model_validate(content)
    except ValidationError as error:
        faults = (
            f"{'.'.join(str(part) for part in fault['loc']) or 'task'}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        )
        raise InvalidTask("\n".join(faults)) from error


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"not a regular expression: {error}") from error


class UniqueKeys(yaml.SafeLoader):
    """YAML lets a later key overwrite an earlier one in silence; a person would not mean that."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping; raises ConstructorError, with the place, for a key that is there twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if (name := str(key.value)) in seen:
                raise yaml.constructor.ConstructorError(None, None, f"repeated key {name!r}", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)
