"""What a note says of a mention: every row of the cue list shows itself, and the engine's own rules."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.document.segment import segment
from medie_fhir.grounding import Cue, Cues, assess, load_cues
from medie_fhir.model import Assertion, Experiencer, NoteText, OffsetMap, Span
from medie_fhir.shipped import shipped

NoteOf = Callable[[str], NoteText]
LIST = load_cues(shipped("schemas", "context", "cues.csv").read_text("utf-8"))


@pytest.mark.parametrize("cue", LIST.rows, ids=lambda cue: f"{cue.line}-{' '.join(cue.words)}")
def test_every_cue_does_in_its_own_sentence_what_its_row_says(cue: Cue, cues: Cues, note: NoteOf) -> None:
    # the same words may say another thing of another kind of mention, which ignores this one
    twins = {other.category for other in LIST.rows if other.words == cue.words} - {cue.category}
    assert assess(note(cue.test), Span(*cue.target), cues, ignores=twins) == cue.expected


def said(text: str, target: str, cues: Cues, note: NoteOf, **options: object) -> tuple[str, str]:
    start = text.index(target)
    assertion, experiencer = assess(note(text), Span(start, start + len(target)), cues, **options)  # type: ignore[arg-type]
    return assertion.value, experiencer.value


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        # a cue within the mention says nothing new, and a mention with its own result takes no other
        ("There is no evidence of disease.", "no evidence of disease", "present patient"),
        ("The tumor was HER2 negative.", "HER2 negative", "present patient"),
        ("The tumor was HER2 negative.", "HER2", "absent patient"),
        ("ER positive, PR positive and HER-2/neu negative.", "PR positive", "present patient"),
        ("HER2-positive and ER/PR negative", "PR", "absent patient"),
        ("EGFR mutation was negative", "EGFR mutation", "absent patient"),
        # a title in capitals
        ("NOT DETECTED\n  EGFR T790M, ALK fusion\n  KRAS G12C\n", "KRAS G12C", "absent patient"),
        ("DETECTED\n  EGFR L858R\nNOT DETECTED\n  KRAS G12C\n", "EGFR L858R", "present patient"),
        ("RESULTS PENDING\nBRAF V600E\n", "BRAF V600E", "possible patient"),
        ("MOLECULAR TESTING:\nNGS showed an EGFR L858R mutation.\n", "EGFR L858R", "present patient"),
        ("TESTING\nEGFR L858R\n", "EGFR L858R", "present patient"),
        ("NOT DETECTED\nKRAS\n\nEGFR L858R was found.", "EGFR L858R", "present patient"),
        ("HISTORY OF PRESENT ILLNESS\nShe has breast cancer.\n", "breast cancer", "present patient"),
        ("NO CHANGE\nShe has breast cancer.\n", "breast cancer", "present patient"),
        # lists
        ("No evidence of liver, lung or bone metastases.", "liver", "absent patient"),
        ("Negative for EGFR, ALK and ROS1; positive for KRAS G12C.", "KRAS G12C", "present patient"),
        ("EGFR, ALK and ROS1 were negative.", "EGFR", "absent patient"),
        # a forward cue ends where another begins, unless they follow on each other
        ("No fever, history of breast cancer.", "breast cancer", "historical patient"),
        ("No known history of breast cancer.", "breast cancer", "absent patient"),
        ("Denies family history of breast cancer.", "breast cancer", "absent family"),
        # whose
        ("Her mother had breast cancer.", "breast cancer", "present family"),
        ("Her husband has lung cancer.", "lung cancer", "present other"),
        # a person stays the subject of what follows, up to the patient's turn
        ("Her mother was diagnosed with breast cancer at 40.", "breast cancer", "present family"),
        ("Her mother, deceased, history of breast cancer.", "breast cancer", "historical family"),
        ("His father died from lung cancer.", "lung cancer", "present family"),
        ("Her mother had lupus, but she has lymphoma.", "lymphoma", "present patient"),
        (
            "A woman with a family history of lupus underwent biopsy, which showed lymphoma.",
            "lymphoma",
            "present patient",
        ),
        # where something begins
        ("Start letrozole.", "letrozole", "planned patient"),
        ("1. Start letrozole.", "letrozole", "planned patient"),
        ("No surgery; start letrozole.", "letrozole", "planned patient"),
        ("The start letrozole had was slow.", "letrozole", "present patient"),
        # kinds of words
        ("Mastectomy is scheduled for Tuesday.", "Mastectomy", "planned patient"),
        ("After mastectomy she is scheduled for radiation.", "mastectomy", "present patient"),
        # the line above a list
        ("Not identified:\n- melanoma\n- sarcoma", "sarcoma", "absent patient"),
        ("Mastectomy was declined long ago. Now on:\n- letrozole", "letrozole", "present patient"),
        ("Rule out:\n- colon cancer\n- polyps", "colon cancer", "possible patient"),
        ("Plan to give:\n1. cisplatin\n2. etoposide", "etoposide", "planned patient"),
        ("We rule out:\n- colon cancer\nShe has melanoma.", "melanoma", "present patient"),
        # sections
        ("FAMILY HISTORY: Breast cancer at 50.", "Breast cancer", "present family"),
        ("FAMILY HISTORY: None.\n\nThe patient has lung cancer.", "lung cancer", "present patient"),
        ("PAST MEDICAL HISTORY:\n1. Melanoma", "Melanoma", "historical patient"),
        ("PAST MEDICAL HISTORY:\n1. No melanoma", "melanoma", "absent patient"),
        # line breaks and case
        ("NO EVIDENCE\nof melanoma", "melanoma", "absent patient"),
        ("no\u2009evidence of melanoma", "melanoma", "absent patient"),
    ],
)
def test_what_the_note_says(text: str, target: str, expected: str, cues: Cues, note: NoteOf) -> None:
    assert " ".join(said(text, target, cues, note)) == expected


def test_ignored_categories_say_nothing(cues: Cues, note: NoteOf) -> None:
    text = "We recommend mastectomy for breast cancer."
    assert said(text, "breast cancer", cues, note)[0] == "planned"
    assert said(text, "breast cancer", cues, note, ignores={"planned"})[0] == "present"


def test_a_negative_test_is_no_negated_cancer(cues: Cues, note: NoteOf) -> None:
    text = "Breast cancer, ER negative, HER2 pending."
    assert said(text, "Breast cancer", cues, note, ignores={"result", "pending"})[0] == "present"
    assert said(text, "ER", cues, note)[0] == "absent"
    assert said(text, "HER2", cues, note)[0] == "possible"


def test_a_section_speaks_where_the_sentence_is_silent(cues: Cues, note: NoteOf) -> None:
    plan, deaf = {"plan": Assertion.PLANNED}, {"planned"}
    assert said("PLAN: Letrozole.", "Letrozole", cues, note, ignores=deaf, section_assertions=plan)[0] == "planned"
    assert said("PLAN: No letrozole.", "letrozole", cues, note, section_assertions=plan)[0] == "absent"


@given(st.text(max_size=80), st.text(max_size=10), st.text(max_size=80))
def test_every_mention_of_every_text_is_assessed(before: str, target: str, after: str) -> None:
    text = f"{before}x{target}{after}"
    span = Span(len(before), len(before) + 1 + len(target))
    found = segment(text)
    note = NoteText(text, text, OffsetMap.identity(len(text)), "text/plain", "", None, found.sentences, found.sections)
    assertion, experiencer = assess(note, span, LIST)
    assert assertion in Assertion
    assert experiencer in Experiencer


@pytest.mark.parametrize("distance", [0, 3, 10])
def test_a_cue_reaches_as_far_as_its_scope_and_no_further(distance: int, note: NoteOf) -> None:
    text = "cue,category,direction,scope,test,expected\nno,absent,forward,3,No [[mass]].,absent\n"
    assertion, _ = said("no " + "very " * distance + "mass", "mass", load_cues(text), note)
    assert assertion == ("absent" if distance <= 3 else "present")


def test_a_sentence_without_an_end_takes_no_longer_than_its_mentions(cues: Cues, note: NoteOf) -> None:
    text = "no pain, and, then, rest, her mother " * 2200 + "has melanoma"
    began = time.perf_counter()
    assert said(text, "melanoma", cues, note)[1] == "family"
    assert time.perf_counter() - began < 1
