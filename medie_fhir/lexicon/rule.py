"""One rule of the lexical reader: what is a mention, and what must, and may not, stand around it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from medie_fhir.model import Frozen

__all__ = ["MACRO", "Rule", "Tests", "compiled"]

MACRO = re.compile(r"\{([a-z][a-z_]*)\}")
"""A macro's place in a pattern; ``{2,3}`` is none."""

_Pattern = Annotated[str, Field(min_length=1)]
_PATTERNS = (
    *("pattern", "only_before", "only_after", "before", "after", "without", "not_before", "not_after"),
    *("context", "not_context", "note", "not_note"),
)
_AT_END = frozenset({"only_before", "before", "not_before"})


class Rule(Frozen):
    """How one kind of mention is seen. Regular expressions are Python's, and don't look at case but for ``(?-i:…)``.

    What is a candidate, one of both:

    ``table``: what a terminology table names; of its entries those of ``kinds`` only, where given, and none of
    ``not_kinds``. ``pattern``: what a regular expression matches, or its group ``value``. A group ``also`` is what a
    text says once of several ("positive" of "ER" in "ER and PR positive"): the value is both.

    What belongs to the mention, directly beside the candidate: ``before`` and ``after`` ("left" before a site).

    What makes it a mention, all of those given:

    ``only_before`` and ``only_after``: what must stand directly beside the candidate, be it taken into the mention or
    not. ``not_before`` and ``not_after``: what may not stand directly beside the mention. ``without``: what a whole
    mention may not be. ``context``: what its sentence must hold; ``not_context``: may not. ``note``: what the note
    must hold somewhere; ``not_note``: may not (a class of drugs is no mention where one of them is named).
    ``sections``: the kinds of sections that alone may hold it; ``not_sections``: that may not. ``only_alone``: it
    counts only where no rule of its field without this key sees anything in the note.

    ``confidence``: how sure a mention of this rule is, in 0–1, before calibration.
    """

    table: str | None = None
    kinds: frozenset[str] = frozenset()
    not_kinds: frozenset[str] = frozenset()
    pattern: _Pattern | None = None
    before: _Pattern | None = None
    after: _Pattern | None = None
    only_before: _Pattern | None = None
    only_after: _Pattern | None = None
    not_before: _Pattern | None = None
    not_after: _Pattern | None = None
    without: _Pattern | None = None
    context: _Pattern | None = None
    not_context: _Pattern | None = None
    note: _Pattern | None = None
    not_note: _Pattern | None = None
    sections: frozenset[str] = frozenset()
    not_sections: frozenset[str] = frozenset()
    only_alone: bool = False
    confidence: float = Field(default=0.9, ge=0, le=1)

    @field_validator(*_PATTERNS)
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            compiled(MACRO.sub("x", pattern))
        return pattern

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.table is None) == (self.pattern is None):
            raise ValueError("a rule has either a table or a pattern")
        if self.table is None and (self.kinds or self.not_kinds):
            raise ValueError("kinds are of a table's entries")
        return self

    def patterns(self) -> dict[str, str]:
        """Its regular expressions by key, as they are written."""
        return {key: text for key in _PATTERNS if (text := getattr(self, key)) is not None}

    def tests(self, expanded: Callable[[str], str]) -> Tests:
        """Its regular expressions, compiled. ``expanded`` puts macros in place.

        Raises ValueError, with each key of a fault on a line of its own.
        """
        found: dict[str, re.Pattern[str]] = {}
        faults: list[str] = []
        for key, text in self.patterns().items():
            try:
                found[key] = compiled(f"(?:{expanded(text)})" + (r"\Z" if key in _AT_END else ""))
            except ValueError as fault:
                faults.append(f"{key}: {fault}")
        if faults:
            raise ValueError("\n".join(faults))
        return Tests(self, **found)


@dataclass(frozen=True, slots=True)
class Tests:
    """A rule with its regular expressions compiled; those of what stands before are to match up to the place."""

    rule: Rule
    pattern: re.Pattern[str] | None = None
    before: re.Pattern[str] | None = None
    after: re.Pattern[str] | None = None
    only_before: re.Pattern[str] | None = None
    only_after: re.Pattern[str] | None = None
    not_before: re.Pattern[str] | None = None
    not_after: re.Pattern[str] | None = None
    without: re.Pattern[str] | None = None
    context: re.Pattern[str] | None = None
    not_context: re.Pattern[str] | None = None
    note: re.Pattern[str] | None = None
    not_note: re.Pattern[str] | None = None


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of a rule. Raises ValueError."""
    try:
        return re.compile(pattern, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as fault:
        raise ValueError(f"not a regular expression: {fault}") from fault
