"""The first route that fits takes a note; of each kind of criterion one must fit."""

from __future__ import annotations

from typing import Any

import pytest

from medie_fhir.model import DocumentInfo, EventKind, Json, NoteEvent
from medie_fhir.routing import Fit, readers

LOINC = "http://loinc.org"


def concept(*codes: str, system: str = LOINC) -> Json:
    return {"coding": [{"system": system, "code": code} for code in codes]}


EVENT = NoteEvent(
    EventKind.NOTE,
    DocumentInfo(
        reference="DocumentReference/d1",
        type=concept("34117-2", "x"),
        category=(concept("clinical-note"), concept("LP173421-1")),
        subject={"reference": "https://ehr.example.org/fhir/Patient/p1"},
        author=({"reference": "Practitioner/a"}, {"identifier": {"system": "urn:org", "value": "cardio"}}),
    ),
    practice_setting=concept("394579002", system="http://snomed.info/sct"),
)


@pytest.mark.parametrize(
    ("asked", "takes"),
    [
        ({"types": {"34117-2"}}, True),
        ({"types": {f"{LOINC}|34117-2"}}, True),
        ({"types": {"urn:other|34117-2"}}, False),
        ({"types": {"LP173421-1"}}, False),
        ({"categories": {"LP173421-1", "y"}}, True),
        ({"practice_settings": {"394579002"}}, True),
        ({"practice_settings": {"394802001"}}, False),
        ({"authors": {"urn:org|cardio"}}, True),
        ({"authors": {"cardio"}}, False),
        ({"authors": {"Practitioner/a"}}, True),
        ({"patients": {"Patient/p1"}}, True),
        ({"patients": {"https://ehr.example.org/fhir/Patient/p1"}}, True),
        ({"patients": {"Patient/p2"}}, False),
        ({"types": {"34117-2"}, "authors": {"urn:org|cardio"}}, True),
        ({"types": {"34117-2"}, "authors": {"urn:org|onco"}}, False),
    ],
)
def test_a_route_takes_what_it_names(asked: dict[str, Any], takes: bool) -> None:
    assert Fit("heart", **asked).takes(EVENT) is takes


def test_a_note_of_which_nothing_is_known_fits_no_criterion() -> None:
    bare = NoteEvent(EventKind.NOTE, DocumentInfo(reference="DocumentReference/d1"))
    kinds = ("types", "categories", "practice_settings", "authors", "patients")
    assert not any(Fit("heart", **{kind: {"x", "|", ""}}).takes(bare) for kind in kinds)


def test_the_first_that_fits_is_chosen() -> None:
    one, other, none = (Fit(name, types={code}) for name, code in (("one", "34117-2"), ("other", "x"), ("none", "y")))
    assert readers((none, one, other), EVENT) == ("one",)
    assert readers((other, one), EVENT) == ("other",)
    assert readers((none,), EVENT) == (None,)


def test_who_reads_it_besides_leaves_it_to_the_next() -> None:
    one, two = (Fit(name, also=True, types={"34117-2"}) for name in ("one", "two"))
    third, none = Fit("third", types={"x"}), Fit("none", also=True, types={"y"})
    assert readers((one, none, two), EVENT) == (None, "one", "two")
    assert readers((one, third, two), EVENT) == ("third", "one"), "what comes after it is not asked"
    assert readers((Fit("all", also=True),), EVENT) == (None, "all")


def test_patients_are_not_shown() -> None:
    assert "p1" not in repr(Fit("heart", patients={"Patient/p1"}))
