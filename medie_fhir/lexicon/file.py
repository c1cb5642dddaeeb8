"""A lexicon: for each field of a task, the tables and grammars by which the lexical reader sees its values.

It is a folder beside the task's file (``schemas/tasks/oncology/``), a YAML file of rules for each field, and no code:
another clinical field is another folder. A rule takes what a table names or what a regular expression matches, and
says what must, and what may not, stand around it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Mapping
from functools import cached_property, lru_cache
from typing import Annotated, Any, Self

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from medie_fhir.errors import InvalidTask
from medie_fhir.model import Frozen

__all__ = ["Lexicon", "Rule", "load_lexicon"]

_MACRO = re.compile(r"\{([a-z][a-z_]*)\}")
_MACROS = "macros"
_Pattern = Annotated[str, Field(min_length=1)]
_PATTERNS = (
    *("pattern", "before", "after", "without", "context", "not_context"),
    *("not_before", "not_after", "only_before", "only_after", "note", "not_note"),
)


class Rule(Frozen):
    """How one kind of mention is seen. Regular expressions are Python's, and don't look at case but for ``(?-i:…)``.

    ``table``: a terminology table whose wordings are mentions; of its entries only those of ``kinds``, or none of
    ``not_kinds``. ``pattern``: a regular expression; its group ``value``, or all of it, is the mention. A group
    ``also`` is what a text says once of several ("positive" of "ER" in "ER and PR positive"): the value is both.
    ``only_before`` and ``only_after``: what must stand directly there, be it taken into the mention or not.
    ``before`` and ``after``: what stands directly there belongs to the mention ("left" before a site).
    ``without``: what a whole mention may not be. ``context``: what its sentence, or the line that leads in its list,
    must match; ``not_context``: may not match. ``not_before`` and ``not_after``: what may not stand directly there.
    ``note``: what must stand somewhere in the note; ``not_note``: what may nowhere (a class of drugs is no mention
    where one of them is named). ``only_alone``: it is one only where no rule of its field without
    this key saw anything in the note ("adenocarcinoma", where nothing says of what).
    ``sections`` and ``not_sections``: kinds of sections in which alone, or never, it is one.
    ``confidence``: how sure a mention of this rule is, in 0–1, before calibration.
    """

    table: str | None = None
    kinds: tuple[str, ...] = ()
    not_kinds: tuple[str, ...] = ()
    pattern: _Pattern | None = None
    only_before: _Pattern | None = None
    only_after: _Pattern | None = None
    before: _Pattern | None = None
    after: _Pattern | None = None
    without: _Pattern | None = None
    context: _Pattern | None = None
    not_context: _Pattern | None = None
    not_before: _Pattern | None = None
    not_after: _Pattern | None = None
    note: _Pattern | None = None
    not_note: _Pattern | None = None
    only_alone: bool = False
    sections: frozenset[str] = frozenset()
    not_sections: frozenset[str] = frozenset()
    confidence: float = Field(default=0.9, ge=0, le=1)

    @field_validator(*_PATTERNS)
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            compiled(_MACRO.sub("x", pattern))
        return pattern

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.table is None) == (self.pattern is None):
            raise ValueError("a rule has either a table or a pattern")
        if self.table is None and (self.kinds or self.not_kinds):
            raise ValueError("kinds are of a table's entries")
        return self


class Lexicon(Frozen):
    """The rules of each field. ``macros`` are pieces of patterns, named in them as ``{name}``; they may hold others."""

    macros: Mapping[str, str] = Field(default_factory=dict)
    fields: Mapping[str, tuple[Rule, ...]] = Field(min_length=1)

    @model_validator(mode="after")
    def _macros_are_there(self) -> Self:
        for name, rules in self.fields.items():
            for number, rule in enumerate(rules):
                for key, pattern in rule.model_dump(exclude_none=True).items():
                    if isinstance(pattern, str) and key != "table":
                        try:
                            compiled(self.expanded(pattern))
                        except ValueError as fault:
                            raise ValueError(f"fields.{name}.{number}.{key}: {fault}") from None
        return self

    def expanded(self, pattern: str, depth: int = 0) -> str:
        """A pattern with its macros in place. Raises ValueError for one that isn't there, or that holds itself."""
        if depth > len(self.macros):
            raise ValueError("a macro holds itself")

        def text(match: re.Match[str]) -> str:
            if match[1] not in self.macros:
                raise ValueError(f"no macro {match[1]!r}")
            return f"(?:{self.expanded(self.macros[match[1]], depth + 1)})"

        return _MACRO.sub(text, pattern)

    @cached_property
    def tables(self) -> frozenset[str]:
        """The terminology tables that the rules name."""
        return frozenset(rule.table for rules in self.fields.values() for rule in rules if rule.table)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of all of it, in a canonical form."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def load_lexicon(files: Mapping[str, str], fields: Container[str]) -> Lexicon:
    """A lexicon from its files' texts, by the field that each is of; ``macros`` is of none.

    Raises InvalidTask, with every fault on a line of its own: its file and line, or its rule by number.
    """
    contents: dict[str, Any] = {}
    faults: list[str] = []
    for name, text in files.items():
        if name != _MACROS and name not in fields:
            faults.append(f"{name}.yaml: the task has no field of this name")
        try:
            contents[name] = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            faults.append(f"{name}.yaml: {f'line {mark.line + 1}: ' if mark else ''}not YAML")
    if not faults:
        try:
            return Lexicon.model_validate({"macros": contents.pop(_MACROS, {}), "fields": contents})
        except ValidationError as error:
            faults = [
                f"{'.'.join(map(str, fault['loc'])) or 'lexicon'}: {fault['msg'].removeprefix('Value error, ')}"
                for fault in error.errors(include_input=False)
            ]
    raise InvalidTask("\n".join(f"lexicon: {fault}" for fault in faults))


@lru_cache(maxsize=2048)
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of a rule. Raises ValueError."""
    try:
        return re.compile(pattern, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as fault:
        raise ValueError(f"not a regular expression: {fault}") from fault
