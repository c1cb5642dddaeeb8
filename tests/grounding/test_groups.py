"""Of several tumours each fact has its own, or none: by sentence, else by paragraph."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.document.segment import segment
from medie_fhir.grounding import grouped
from medie_fhir.model import Alignment, Assertion, Evidence, Experiencer, Fact, NoteText, OffsetMap, Run

NoteOf = Callable[[str], NoteText]
_MARK = re.compile(r"\[(\w+)(?::(\w+))?\|([^]]+)\]")


def said(marked: str, note: NoteOf) -> tuple[NoteText, list[Fact]]:
    """A note, and the facts that it marks: ``[stage|stage II]``, ``[cancer_type:family|melanoma]``."""
    text, end = "", 0
    found: dict[tuple[str, str, str], list[Evidence]] = {}
    for mark in _MARK.finditer(marked):
        text += marked[end : mark.start()]
        field, what, value = mark.groups("")
        evidence = Evidence(start=len(text), end=len(text) + len(value), text=value)
        found.setdefault((field, what, value), []).append(evidence)
        text, end = text + value, mark.end()
    facts = [
        Fact(
            field=field,
            value=value,
            evidence=tuple(evidence),
            alignment=Alignment.EXACT,
            assertion=next((a for a in Assertion if a == what), Assertion.PRESENT),
            experiencer=next((e for e in Experiencer if e == what), Experiencer.PATIENT),
        )
        for (field, what, value), evidence in found.items()
    ]
    return note(text + marked[end:]), facts


def meaning(value: str) -> str | None:
    """What a value means: the cancers of these tests have their organ as their last word but one."""
    return None if "lesion" in value else value.lower().split()[-2]


def groups(marked: str, note: NoteOf) -> dict[str, int | None]:
    seen, facts = said(marked, note)
    return {f.value: f.group for f in grouped(facts, seen, field="cancer_type", meaning=meaning)}


BREAST, COLON = "[cancer_type|Breast cancer]", "[cancer_type|Colon cancer]"


def test_a_fact_is_of_the_tumour_that_its_sentence_names(note: NoteOf) -> None:
    found = groups(f"{BREAST}, [biomarker|ER positive]. {COLON}, [stage|stage II].", note)
    assert found == {"Breast cancer": 1, "ER positive": 1, "Colon cancer": 2, "stage II": 2}


def test_else_of_the_one_that_its_paragraph_names_with_its_sub_items(note: NoteOf) -> None:
    found = groups(
        f"#1 {BREAST}, left\n   - [treatment|tamoxifen] since 2024\n#2 {COLON}\n   - [treatment|FOLFOX]\n"
        "#3 COPD, [stage|stage 2]\n",
        note,
    )
    assert (found["tamoxifen"], found["FOLFOX"], found["stage 2"]) == (1, 2, None)


@pytest.mark.parametrize(
    "marked",
    [
        f"{BREAST} and {COLON}, [stage|stage II].",
        f"{BREAST} is treated. {COLON} too. Now [stage|stage II].",
        f"{BREAST}.\n\n{COLON}.\n\nNow [stage|stage II].",
        f"{BREAST}, [stage|stage II]. {COLON}, [stage|stage II].",
        f"{BREAST}. {COLON}.\n\nA [cancer_type|glimmering lesion], [stage|stage II].",
        f"{BREAST}. {COLON} and a [cancer_type|glimmering lesion], [stage|stage II].",
        f"{BREAST}. {COLON} as her mother's, [stage:family|stage II].",
    ],
)
def test_what_may_be_of_either_is_of_none(marked: str, note: NoteOf) -> None:
    assert groups(marked, note)["stage II"] is None


@pytest.mark.parametrize(
    "other",
    [
        "[cancer_type:family|Colon cancer]",
        "[cancer_type:absent|Colon cancer]",
        "[cancer_type|Cancer of the breast organ]",
        "[cancer_type|glimmering lesion]",
    ],
)
def test_a_note_of_one_tumour_is_left_as_it_is(other: str, note: NoteOf) -> None:
    assert set(groups(f"{BREAST}, [stage|stage II]. {other}, [biomarker|ER positive].", note).values()) == {None}


def test_wordings_of_one_meaning_share_a_group(note: NoteOf) -> None:
    found = groups(f"{BREAST}. {COLON}. [cancer_type|Left breast carcinoma], [stage|stage II].", note)
    assert found == {"Breast cancer": 1, "Colon cancer": 2, "Left breast carcinoma": 1, "stage II": 1}


def test_places_are_those_of_the_source() -> None:
    text, source = "Breast cancer. Colon cancer.", "<b>Breast&nbsp;cancer</b>.<p>Colon cancer.</p>"
    runs = (Run(0, 6, 3, 6), Run(6, 1, 9, 6), Run(7, 6, 15, 6), Run(13, 2, 25, 4), Run(15, 13, 29, 13))
    found = segment(text)
    seen = NoteText(text, source, OffsetMap(runs), "text/html", "", None, found.sentences, found.sections)
    spans = [("cancer_type", 3, 21), ("cancer_type", 29, 41), ("stage", 35, 41)]
    facts = [
        Fact(
            field=field,
            value=value,
            evidence=(Evidence(start=a, end=b, text=source[a:b]),),
            alignment=Alignment.EXACT,
        )
        for value, (field, a, b) in zip(("breast cancer", "colon cancer", "II"), spans, strict=True)
    ]
    assert [f.group for f in grouped(facts, seen, field="cancer_type", meaning=meaning)] == [1, 2, 2]


PIECES = st.sampled_from(
    [
        BREAST,
        COLON,
        "[stage|stage II]",
        "[biomarker|ER positive]",
        "[treatment|tamoxifen]",
        " and ",
        ". ",
        "\n\n",
        "\n1. ",
    ]
)


@given(st.lists(PIECES, max_size=14))
def test_only_the_group_is_told_and_only_where_its_tumour_is_near(pieces: list[str]) -> None:
    def plain(text: str) -> NoteText:
        found = segment(text)
        runs = OffsetMap.identity(len(text))
        return NoteText(text, text, runs, "text/plain", "", None, found.sentences, found.sections)

    seen, facts = said(" ".join(pieces), plain)
    made = grouped(facts, seen, field="cancer_type", meaning=meaning)
    assert [f.model_copy(update={"group": None}) for f in made] == facts
    of_tumours = {f.group for f in made if f.field == "cancer_type"}
    assert {f.group for f in made} <= of_tumours | {None}
    assert made == grouped(facts, seen, field="cancer_type", meaning=meaning)
