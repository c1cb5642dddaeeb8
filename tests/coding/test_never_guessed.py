"""No code is a guess: each one belongs to a row whose wording stands in the value, or to a row of a grammar."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.coding import code, load_tables
from medie_fhir.coding.tables import Entry
from medie_fhir.coding.wording import fold, plain, words
from medie_fhir.model import Concept
from medie_fhir.shipped import shipped

TABLES = load_tables(shipped("mappings", "terminology"))
FIELD_TABLES = {
    "biomarker": ("biomarkers", "biomarker_results"),
    "cancer_type": ("cancers",),
    "gene_mutation": ("genes", "hgnc"),
    "metastasis_site": ("metastatic_sites",),
    "response": ("responses",),
    "treatment": ("treatments",),
}
ENTRIES = {
    field: sorted((entry for name in names for entry in TABLES[name].entries.values()), key=lambda e: e.row)
    for field, names in FIELD_TABLES.items()
}
HOLDING: dict[tuple[str, str], list[Entry]] = defaultdict(list)
for one in (entry for table in TABLES.tables.values() for entry in table.entries.values()):
    for found in one.codings.values():
        for coding in found:
            HOLDING[coding.system, coding.code].append(one)
VERTEBRAE = {f"{level}{n}" for level, most in (("c", 7), ("t", 12), ("l", 5)) for n in range(1, most + 1)}
# What a grammar reads without a wording of a table: a score or sign as a result, a named vertebra as the spine.
GRAMMAR = {"positive", "negative", "score-1", "score-2", "score-3", "intensity-1", "intensity-2", "intensity-3"}
# Results whose name tells the marker too: MSI-H, "loss of MLH1/PMS2".
IMPLIED = {"msi": ("msi-high", "msi-stable", "msi-low"), "mmr": ("mmr-deficient", "mmr-proficient")}


def wordings(entry: Entry) -> list[str]:
    return [entry.name, *entry.synonyms]


def stands_in(entry: Entry, value: str) -> bool:
    """Whether all words of one of an entry's wordings are words of the value, or the value holds it without gaps."""
    have = {*words(value), *words(value, plurals=True)}
    if have & VERTEBRAE:
        have.add("vertebra")
    whole = fold(value)
    return any(
        wording and (set(words(wording)) <= have or set(words(wording, plurals=True)) <= have or fold(wording) in whole)
        for wording in wordings(entry)
    )


def guessed(concept: Concept, value: str) -> list[str]:
    """The codings that no row reached by the value holds."""
    missed = []
    for role, codings in concept.codings.items():
        for coding in codings:
            rows = HOLDING[coding.system, coding.code]
            reached = any(stands_in(entry, value) or entry.slug in GRAMMAR for entry in rows)
            results = [slug for entry in rows if entry.table == "biomarkers" for slug in IMPLIED.get(entry.slug, ())]
            implied = any(stands_in(TABLES["biomarker_results"].entries[slug], value) for slug in results)
            if not (reached or implied or role == "category"):  # a category is the class of a row that is reached
                missed.append(f"{role} {coding.code}")
    return missed


NOISE = st.sampled_from(
    ["", "left", "metastatic", "stage IV", "of the", "and", "not", "possible", "(", ")", ",", "mass", "recurrent", "T8"]
)
CASES = st.sampled_from([str.lower, str.upper, str.title, plain, str])


@st.composite
def values(draw: st.DrawFn) -> tuple[str, str]:
    """Up to three wordings of the field's tables with words around them, some cut short."""
    field = draw(st.sampled_from(sorted(ENTRIES)))
    parts: list[str] = []
    for entry in draw(st.lists(st.sampled_from(ENTRIES[field]), min_size=1, max_size=3)):
        wording = draw(st.sampled_from(wordings(entry))) or entry.name
        kept = draw(st.integers(1, max(1, len(wording.split()))))
        parts += [draw(NOISE), " ".join(wording.split()[:kept]) if draw(st.booleans()) else wording]
    return field, draw(CASES)(" ".join([*parts, draw(NOISE)]))


@given(values())
def test_every_code_belongs_to_a_row_that_the_value_names(drawn: tuple[str, str]) -> None:
    field, value = drawn
    concept = code(field, value, TABLES)
    assert guessed(concept, value) == [], (value, concept.row)


def test_the_check_sees_a_guess() -> None:
    concept = code("cancer_type", "lung adenocarcinoma", TABLES)
    assert guessed(concept, "lung adenocarcinoma") == []
    assert guessed(concept, "stomach ache") != []
