"""Notes through both readers, grounding and the shipped mapping's policy: what would be written."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.coding import code
from medie_fhir.configuration import Configuration
from medie_fhir.document.segment import segment
from medie_fhir.mapping import judge
from medie_fhir.model import DocumentInfo, ExtractionRecord, NoteText, OffsetMap
from medie_fhir.ports import ModelServer
from medie_fhir.settings import Settings
from medie_fhir.wiring import assemble_pipeline

Written = Mapping[str, set[str]]
Write = Callable[..., Awaitable[Written]]


def note(text: str) -> NoteText:
    """The text as it stands, also where the document station would refuse it."""
    found = segment(text)
    return NoteText(
        text=text,
        source=text,
        offsets=OffsetMap.identity(len(text)),
        content_type="text/plain",
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        sentences=found.sentences,
        sections=found.sections,
    )


@pytest.fixture
def read(configuration: Configuration, model: Any, twin: FhirTwin) -> Callable[..., Awaitable[ExtractionRecord]]:
    async def of(
        text: str, readers: tuple[str, ...] = ("lexicon", "model"), by: ModelServer = model
    ) -> ExtractionRecord:
        settings = Settings.model_validate({"readers": readers})
        pipeline = assemble_pipeline(settings, configuration, model=by, source=twin, target=twin)
        return await pipeline.extract_text(DocumentInfo(reference="DocumentReference/d1", status="current"), note(text))

    return of


@pytest.fixture
def written(configuration: Configuration, read: Callable[..., Awaitable[ExtractionRecord]]) -> Write:
    """What the shipped mapping would write of a text, by field, in small letters."""
    policy = configuration.mapping.file.policy

    async def of(text: str, readers: tuple[str, ...] = ("lexicon", "model")) -> Written:
        found: dict[str, set[str]] = {}
        for fact in (await read(text, readers)).facts:
            if judge(fact, code(fact.field, fact.value, configuration.tables), policy[fact.field]) is None:
                found.setdefault(fact.field, set()).add(fact.value.casefold())
        return found

    return of
