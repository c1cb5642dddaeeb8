"""Where a note is parted for the model changes nothing of what is read in it: nothing is lost, nothing doubled."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from medie_fhir.configuration import Configuration
from medie_fhir.document import note_text
from medie_fhir.extraction.task import Chunk
from medie_fhir.model import Fact
from medie_fhir.ports import ModelAnswer, ModelDescription, ModelRequest
from medie_fhir.reading import Readers
from medie_fhir.settings import Settings
from medie_fhir.telemetry import Silent
from medie_fhir.wiring import SystemClock

VALUES: Mapping[str, str] = {
    "lung adenocarcinoma": "cancer_type",
    "breast cancer": "cancer_type",
    "stage IIIA": "stage",
    "EGFR L858R": "gene_mutation",
    "HER2 positive": "biomarker",
    "carboplatin and pemetrexed": "treatment",
    "stable disease": "response",
    "brain metastases": "metastasis_site",
}
SENTENCES = (
    *("{}.", "Known {}.", "No evidence of {}.", "Mother had {}.", "Possible {}, to be confirmed."),
    *("She was seen for {} and feels well.", "Plan: discuss {}.", "Vital signs normal.", "Wound is clean and dry."),
)
GAPS = (" ", " ", "\n", "\n\n", "\n\nASSESSMENT:\n", "\n\nFAMILY HISTORY:\n")
FILLERS = ("on and on", "with no stop in sight", "as dictated", "and then", "which was reviewed with her")


class Attentive:
    """A model that sees in what it is shown each value that stands there whole, and nothing else."""

    def __init__(self, configuration: Configuration) -> None:
        self._fields = tuple(configuration.task.fields)

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        text = " ".join(request.messages[-1]["content"].split())
        found: dict[str, list[str]] = {}
        for value, field in VALUES.items():
            if re.search(rf"\b{re.escape(value)}\b", text):
                found.setdefault(field, []).append(value)
        return ModelAnswer(json.dumps({f: "; ".join(found[f]) if f in found else None for f in self._fields}), "stop")

    async def describe(self) -> ModelDescription:
        return ModelDescription("attentive", None, None)


def notes() -> st.SearchStrategy[str]:
    """Notes of short sentences, and of some that have no end."""
    sentence = st.builds(lambda form, value: form.format(value), st.sampled_from(SENTENCES), st.sampled_from([*VALUES]))
    parts = st.lists(st.one_of(st.sampled_from(FILLERS), st.sampled_from([*VALUES])), min_size=10, max_size=40)
    endless = st.builds(lambda parts: f"{' '.join(parts)}.", parts)
    piece = st.tuples(st.one_of(sentence, sentence, endless), st.sampled_from(GAPS)).map("".join)
    return st.lists(piece, min_size=1, max_size=12).map("".join)


CONFIGURATION = Configuration(Settings())
Names = tuple[str, ...]


@cache
def readers(names: Names) -> Readers:
    """One for all examples, for it keeps the vocabularies of the tables."""
    return Readers(
        task=CONFIGURATION.task,
        lexicon=CONFIGURATION.lexicon,
        rules=CONFIGURATION.rules,
        cues=CONFIGURATION.cues,
        model=Attentive(CONFIGURATION),
        names=names,
        triage=False,
    )


def read(text: str, limit: int, names: Names) -> list[Fact]:
    reader = readers(names)
    reader._task = CONFIGURATION.task.model_copy(update={"chunk": Chunk(limit=limit)})
    seen = asyncio.run(reader.read(note_text(text), CONFIGURATION.tables, SystemClock(), Silent()))
    return sorted(seen.facts, key=lambda fact: (fact.field, fact.value))


@settings(max_examples=50)
@given(notes(), st.integers(min_value=100, max_value=600), st.sampled_from([("model",), ("lexicon", "model")]))
def test_facts_do_not_hang_on_where_a_note_is_parted(text: str, limit: int, names: Names) -> None:
    whole = read(text, 1_000_000, names)
    parted = read(text, limit, names)
    assert parted == whole
    assert len({(fact.field, fact.value.casefold()) for fact in parted}) == len(parted), "none stands there twice"
