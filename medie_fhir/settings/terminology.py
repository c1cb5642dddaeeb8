"""The settings of the terminology server that is asked for what the tables lack."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from medie_fhir.settings.fhir import FhirAuth, FhirTls
from medie_fhir.settings.part import HttpUrl, Part

__all__ = ["TerminologyQuestion", "TerminologySettings"]


class TerminologyQuestion(Part):
    """What is asked of the values of one field."""

    operation: Literal["translate", "validate-code", "lookup"] = Field(
        description="`translate`: the value is a word of `system`, which `concept_map` leads to a code;"
        " `validate-code`: the value is a code of `system`, and in `value_set`; `lookup`: it is a code of `system`."
    )
    system: str = Field(min_length=1, description="The system (URI) that the value is taken as a code of.")
    concept_map: str | None = Field(default=None, description="For translate: the ConceptMap's canonical URL.")
    target_system: str | None = Field(
        default=None, description="For translate: only codes of this system are taken; none: of any."
    )
    value_set: str | None = Field(default=None, description="For validate-code: the ValueSet's canonical URL.")
    role: str = Field(
        default="code", min_length=1, description="What the code is to the mapping (docs/terminology.md): code, gene …"
    )
    lower_case: bool = Field(default=False, description="Send the value in lower case, as the ConceptMap's words are.")

    @model_validator(mode="after")
    def _what_it_needs(self) -> Self:
        needs = {"translate": "concept_map", "validate-code": "value_set"}.get(self.operation)
        if needs is not None and not getattr(self, needs):
            raise ValueError(f"{self.operation} needs {needs}")
        may = {"translate": {"concept_map", "target_system"}, "validate-code": {"value_set"}}.get(self.operation, set())
        if extra := sorted({n for n in ("concept_map", "target_system", "value_set") if getattr(self, n)} - may):
            raise ValueError(f"{', '.join(extra)}: of no use to {self.operation}")
        return self


class TerminologySettings(Part):
    """A FHIR R4 terminology server; off without `base_url`. Values of notes are sent there, in the body of a POST."""

    base_url: HttpUrl | None = Field(
        default=None, description="The terminology server's base URL. Values of notes are sent there. None: off."
    )
    token: SecretStr | None = Field(default=None, description="Bearer token; short for `auth` of the kind bearer.")
    auth: FhirAuth = FhirAuth()
    tls: FhirTls = FhirTls()
    fields: dict[str, TerminologyQuestion] = Field(
        default={}, description="Of which fields it is asked, and what (docs/terminology.md)."
    )
    required: bool = Field(
        default=True,
        description="While it is away, wait, so that a note's resources don't hang on the moment; off: write text only,"
        " and count it.",
    )
    timeout_seconds: float = Field(default=10.0, gt=0, description="For one request.")
    attempts: int = Field(default=3, ge=1, description="Tries of one request before the record is tried again later.")
    concurrency: int = Field(default=8, ge=1, description="Most requests at once.")
    cache_seconds: float = Field(
        default=86_400.0, ge=0, description="So long is an answer kept in memory, that there is no code included."
    )
    cache_entries: int = Field(default=100_000, ge=1, description="So many answers are kept; the least used go.")

    @model_validator(mode="after")
    def _asked_for_something(self) -> Self:
        if self.base_url is not None and not self.fields:
            raise ValueError("fields: none is named, so nothing would ever be asked")
        if self.base_url is None and self.fields:
            raise ValueError("fields: of no use without base_url")
        return self
