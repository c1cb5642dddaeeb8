"""The settings of routes: which notes another task reads."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from medie_fhir.settings.part import Part

__all__ = ["Route"]

Codes = tuple[str, ...]


class Route(Part):
    """Notes that another task reads, its values written by another mapping.

    A note fits where each criterion that is given names something of it. Codes are ``system|code``, or a code of any
    system; authors and patients are references (``Organization/12``) or ``system|value`` of an identifier.
    """

    task: str = Field(description="A shipped task's name, or the path of a task file.")
    mapping: str = Field(description="A shipped mapping's name, or the path of a mapping file.")
    terminology: Path | None = Field(default=None, description="A folder of tables instead of the mapping's own.")
    site_terminology: Path | None = Field(default=None, description="A folder of the site's own rows for this task.")
    model: str | None = Field(
        default=None,
        description="The adapter's name at the model server; none: that of the other notes, if it learned it.",
    )
    types: Codes = Field(default=(), description="Codes of `DocumentReference.type`, as LOINC's 34117-2.")
    categories: Codes = Field(default=(), description="Codes of `DocumentReference.category`.")
    practice_settings: Codes = Field(default=(), description="Codes of `context.practiceSetting`: the department.")
    authors: Codes = Field(default=(), description="Of `author`: an organization, a department, a person.")
    patients: Path | None = Field(default=None, description="A file with a patient a line.")
    also: bool = Field(
        default=False, description="Read the note besides: the next routes, and at last `task`, may take it too."
    )

    @model_validator(mode="after")
    def _chooses(self) -> Self:
        if not (self.also or self.types or self.categories or self.practice_settings or self.authors or self.patients):
            raise ValueError("names no type, category, practice setting, author or patient: it would take every note")
        return self
