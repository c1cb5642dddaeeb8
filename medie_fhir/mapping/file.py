"""The mapping file's shape. Its JSON Schema is ``schemas/mapping.schema.json``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from pydantic import Field, PrivateAttr, field_validator

from medie_fhir.mapping.policy import FieldPolicy
from medie_fhir.mapping.shape import RETRACTABLE
from medie_fhir.model import Frozen, Json

__all__ = ["MappingFile", "Template"]

T = TypeVar("T")

_RESOURCE: Json = {
    "properties": {
        "resourceType": {"description": "Its FHIR type, written out.", "enum": sorted(RETRACTABLE)},
        "meta": {"description": "Declare only profiles that what is made here meets: `{% if %}` around them."},
    },
    "required": ["resourceType"],
}


class Template(Frozen):
    """One FHIR resource that facts of a field become."""

    name: str = Field(min_length=1, description="What the resource is, for messages and `--explain`.")
    field: str = Field(description="The field whose facts it is made of; one resource a fact.")
    when: str | None = Field(
        default=None, description="A FHIRPath expression; the resource is made where it gives true."
    )
    resource: Json = Field(
        description="The resource as FPML: FHIR, with {{ FHIRPath }} where a value goes. What gives nothing leaves its"
        " element out; id, identifier, AIAST, evidence and confidence are added.",
        json_schema_extra=_RESOURCE,
    )
    _where: Callable[[tuple[str | int, ...]], str] | None = PrivateAttr(default=None)
    _kept: tuple[int, Any] | None = PrivateAttr(default=None)

    @field_validator("resource")
    @classmethod
    def _has_a_type(cls, resource: Json) -> Json:
        kind = resource.get("resourceType")
        if not (isinstance(kind, str) and kind.isalpha()):  # what refers to it must know it beforehand
            raise ValueError("no resourceType: write it out, and not within {% if %}")
        return resource

    def where(self, *place: str | int) -> str:
        """File, line and path of a part of the template, for messages; the path alone where it is of no file."""
        return self._where(place) if self._where else ".".join(map(str, place))

    def once(self, make: Callable[[Template], T]) -> T:
        """What ``make`` gives of this template, made once; a copy with other content has its own."""
        if self._kept is None or self._kept[0] != id(self):  # a copy takes over what was kept, and lives elsewhere
            self._kept = (id(self), make(self))
        made: T = self._kept[1]
        return made

    def stands(self, where: Callable[[tuple[str | int, ...]], str]) -> None:
        """Tell it what file and lines it was read from."""
        self._where = where


class MappingFile(Frozen):
    """A mapping: what may be written, and as which FHIR resources.

    In expressions: `%fact` (field, value, evidence, alignment, assertion, experiencer, confidence, readers, group),
    `%concept` (key, codings by role, attributes, match), `%document`, `%subject`, `%effective` (dateTime to the day at
    least, or nothing), `%recorded`, `%source` (Reference to the document), `%primary` (Reference to the resource of
    the note's one fact of `primary_field`; where it has several, to that of the fact's own group, or nothing).
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$", description="The mapping's name.")
    version: str = Field(
        pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$", description="Its version; with its digest it is in every Provenance."
    )
    task: str = Field(description="The task whose fields it maps.")
    fhir_version: Literal["4.0.1"] = Field(default="4.0.1", description="The FHIR version of what it makes.")
    terminology: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="The folder beside this file that holds the tables by which its fields are coded; none: the shipped"
        " ones. The setting `terminology` goes before.",
    )
    primary_field: str | None = Field(
        default=None, description="The field whose resource `%primary` refers to; none: `%primary` is nothing."
    )
    reviewed: Literal["keep", "flag", "overwrite"] = Field(
        default="keep",
        description="What becomes of a resource that someone else has changed on the server, where its note is read"
        " again, no longer says it, or no longer holds. `keep`: it stays as it is; `flag`: it stays, and a Task asks a"
        " reviewer to look at it; `overwrite`: it is written over or taken back like any other.",
    )
    policy: dict[str, FieldPolicy] = Field(description="What may be written, by field.")
    templates: tuple[Template, ...] = Field(min_length=1, description="The resources, in the order of the Bundle.")
