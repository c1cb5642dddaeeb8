"""All that was read in one version of one document."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal

from pydantic import ConfigDict, Field, ValidationError

from medie_fhir.errors import RecordError
from medie_fhir.model.document import DocumentInfo
from medie_fhir.model.event import RetractionReason
from medie_fhir.model.facts import Fact
from medie_fhir.model.json_object import Frozen

__all__ = ["ExtractionRecord", "Outcome", "Produced", "Reading", "TextInfo", "Usage"]

RECORD_SCHEMA: Literal["medie.extraction/1"] = "medie.extraction/1"


class Outcome(StrEnum):
    """What became of a document in extraction."""

    EXTRACTED = "extracted"
    TRIAGED = "triaged"  # no sign of what the task is about: the model was not asked
    RETRACTED = "retracted"


class TextInfo(Frozen):
    """The note's text, without the text. ``characters`` are code points of the plain text.

    ``url`` is where it was fetched, as the sender wrote it; None where it came within the event, and for a URL with a
    query, a fragment or a user name, which may be a key to what lies behind it.
    """

    sha256: str
    characters: int
    content_type: str
    language: str | None = None
    url: str | None = None


class Produced(Frozen):
    """By what a record was made, and when (``at``, an ISO 8601 instant)."""

    at: str
    software: str
    task: str
    task_digest: str
    model: str
    adapter: str | None = None
    adapter_digest: str | None = None
    server: str | None = None

    @property
    def task_name(self) -> str:
        """The task's name, without its version."""
        return self.task.partition("@")[0]


class Usage(Frozen):
    """What the record cost at the model server, in tokens. ``cached``: some answers were kept ones, and cost none."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached: bool = False


class Reading(Frozen):
    """What one task read in a note that several tasks read."""

    produced: Produced
    outcome: Outcome
    facts: tuple[Fact, ...] = ()
    usage: Usage = Usage()


class ExtractionRecord(Frozen):
    """All that was read in one version of one document: the one format that outlives a release.

    Negated, planned and ungrounded values are in ``facts`` too: what policy or terminology may change is decided at
    publishing. Key of its Kafka record: :attr:`DocumentInfo.key`; the latest record of a document replaces the former.
    ``also`` is what other tasks read in the same version, where the routes have several read it (docs/adr/0017).
    """

    schema_: Literal["medie.extraction/1"] = Field(default=RECORD_SCHEMA, alias="schema")
    document: DocumentInfo
    text: TextInfo | None = None
    produced: Produced
    outcome: Outcome
    reason: RetractionReason | None = None
    facts: tuple[Fact, ...] = ()
    usage: Usage = Usage()
    also: tuple[Reading, ...] | None = None

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @classmethod
    def of_json(cls, value: bytes) -> ExtractionRecord:
        """The record in a Kafka record's value, or in a line of a file. Raises RecordError."""
        try:
            return cls.model_validate_json(value)
        except ValidationError as error:
            raise RecordError(f"not an extraction record of a known schema: {_faults(error)}") from None

    @property
    def readings(self) -> tuple[ExtractionRecord, ...]:
        """What each task read, as a record of its own; the first is of the task that would have read the note alone."""
        if not self.also:
            return (self,)
        alone = self.model_copy(update={"also": None})
        return (alone, *(alone.model_copy(update={n: getattr(r, n) for n in _READ}) for r in self.also))

    def read_also(self, others: Sequence[ExtractionRecord]) -> ExtractionRecord:
        """The record with what other tasks read in the same note; ``readings`` gives them back."""
        also = tuple(Reading(**{n: getattr(other, n) for n in _READ}) for other in others)
        return self.model_copy(update={"also": also or None})

    def to_json(self) -> str:
        """Compact JSON, without the keys that hold nothing."""
        return self.model_dump_json(by_alias=True, exclude_none=True)


_READ = tuple(Reading.model_fields)


def _faults(error: ValidationError) -> str:
    """Which elements are missing, unknown or wrong, five of each kind at most; never what stands in them."""
    kinds: dict[str, dict[str, None]] = {"missing": {}, "extra_forbidden": {}, "wrong": {}}
    for one in error.errors(include_input=False):
        if where := ".".join(map(str, one["loc"])):
            kinds.get(one["type"], kinds["wrong"])[where] = None
    words = zip(("missing", "unknown", "not as it should be"), kinds.values(), strict=True)
    return "; ".join(f"{word} {', '.join(sorted(w)[:5])}" for word, w in words if w) or "it is no JSON object"
