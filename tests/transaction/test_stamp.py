"""The digest of what we wrote, by which an edit shows, and a server's own spelling doesn't."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.mapping import DERIVATION
from medie_fhir.mapping.envelope import AI_CONFIDENCE
from medie_fhir.model import Json
from medie_fhir.transaction.stamp import SYSTEM, is_as_written, relative, stamp_of, stamped

SCT = "http://snomed.info/sct"
FACT: Json = {
    "resourceType": "Observation",
    "id": "o",
    "meta": {"source": "DocumentReference/d", "profile": ["p"]},
    "extension": [{"url": AI_CONFIDENCE, "valueDecimal": 0.9}, {"url": DERIVATION, "extension": []}],
    "identifier": [{"system": "urn:facts", "value": "o"}],
    "status": "preliminary",
    "category": [{"coding": [{"system": "urn:c", "code": "exam"}]}],
    "code": {"coding": [{"system": SCT, "code": "1", "display": "One"}, {"system": SCT, "code": "2"}], "text": "Stage"},
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2026-01-01T09:00:00Z",
    "valueCodeableConcept": {"coding": [{"system": SCT, "code": "3"}], "text": "IV"},
    "bodySite": {
        "coding": [{"system": SCT, "code": "4"}],
        "extension": [{"url": "urn:laterality", "valueCode": "left"}],
    },
    "component": [{"code": {"text": "T"}, "valueQuantity": {"value": 2.0, "unit": "cm", "code": "cm"}}],
    "derivedFrom": [{"reference": "DocumentReference/d"}],
}


def changed(path: str, value: Any) -> Json:
    """The stamped fact with something else at a dotted path; None takes away what stands there."""
    made = deepcopy(stamped(FACT))
    *steps, last = [int(s) if s.isdigit() else s for s in path.split(".")]
    at: Any = made
    for step in steps:
        at = at[step]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return made


def test_what_was_stamped_is_as_it_was_written() -> None:
    made = stamped(FACT)
    assert is_as_written(made) is True
    assert stamped(made) == made
    assert [i["system"] for i in made["identifier"]] == ["urn:facts", SYSTEM]


def test_the_stamp_is_the_same_in_every_release() -> None:
    """Another one, for the same content, would take all that stands for edited: then change its scheme too."""
    content = "9cedb213121f11e770b40469df4486b4.b44611dabd81b039bf38d29ec498cc9e"
    assert stamp_of(FACT) == f"v1.{content}.50df1654861e8966476237608b2b3a19"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("meta", {"versionId": "7", "lastUpdated": "2026-01-01T00:00:00Z", "tag": [{"code": "seen"}]}),
        ("text", {"status": "generated", "div": "<div>Stage</div>"}),
        ("identifier.0", {"system": "urn:server", "value": "9"}),
        ("code.coding", list(reversed(FACT["code"]["coding"]))),
        ("code.coding.0.display", "Eins"),
        ("code.coding.0.version", "2026-01"),
        ("code.coding.1.userSelected", False),
        ("subject", {"reference": "https://ehr.example/fhir/Patient/p1", "display": "A. Name"}),
        ("derivedFrom.0.reference", "DocumentReference/d/_history/3"),
        ("effectiveDateTime", "2026-01-01T10:00:00.000+01:00"),
        ("component.0.valueQuantity.value", 2),
        ("issued", "2026-01-02T00:00:00Z"),
        ("extension.0.valueDecimal", 0.7),
        ("extension", None),
        ("note", []),
    ],
)
def test_what_a_server_may_say_in_other_words_is_no_edit(path: str, value: Any) -> None:
    assert is_as_written(changed(path, value)) is True


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("status", "final"),
        ("code.coding.0.code", "9"),
        ("code.coding.0.system", "urn:other"),
        ("code.coding", [FACT["code"]["coding"][0]]),
        ("code.text", "Grade"),
        ("valueCodeableConcept", None),
        ("effectiveDateTime", "2026-01-01T09:00:01Z"),
        ("effectiveDateTime", "2026-01-01"),
        ("component.0.valueQuantity.value", 2.5),
        ("component.0.valueQuantity.unit", "mm"),
        ("component", None),
        ("bodySite.coding.0.code", "5"),
        ("bodySite.extension.0.valueCode", "right"),
        ("subject.reference", "Patient/p2"),
        ("note", [{"text": "Seen and discussed."}]),
        ("extension", [{"url": "urn:reviewed", "valueBoolean": True}]),
        ("_status", {"extension": [{"url": "urn:why", "valueString": "x"}]}),
        ("modifierExtension", [{"url": "urn:not", "valueBoolean": True}]),
        ("method", {"text": "AJCC 8"}),
        ("performer", [{"display": "Dr. A. Name"}]),
        ("method", {"coding": [{"display": "AJCC 8"}]}),
        ("identifier.0", {"system": SYSTEM, "value": "v1.0.0"}),
    ],
)
def test_what_a_person_changes_shows(path: str, value: Any) -> None:
    assert is_as_written(changed(path, value)) is False


def test_whose_it_is_may_have_changed_with_a_merge_and_nothing_else() -> None:
    merged = changed("subject.reference", "https://ehr.example/fhir/Patient/p2")
    assert is_as_written(merged, {"Patient/p2"}) is True
    assert is_as_written(merged, {"Patient/p3"}) is False
    assert is_as_written({**merged, "status": "final"}, {"Patient/p2"}) is False
    assert is_as_written(changed("subject", None), {"Patient/p2"}) is False


def without_extensions(value: Any) -> Any:
    """As a server gives it back that knows no extensions."""
    if isinstance(value, dict):
        return {k: without_extensions(v) for k, v in value.items() if k != "extension"}
    return [without_extensions(v) for v in value] if isinstance(value, list) else value


def test_a_server_that_drops_extensions_has_edited_nothing() -> None:
    dropped = without_extensions(stamped(FACT))
    assert is_as_written(dropped) is True
    assert is_as_written({**dropped, "status": "final"}) is False


@pytest.mark.parametrize("value", ["", "v0.a.b", "v1.a", "v1", "v1.a.b", "v1.a.b.c.d"])
def test_a_stamp_that_we_cannot_read_says_nothing(value: str) -> None:
    assert is_as_written({**FACT, "identifier": [{"system": SYSTEM, "value": value}]}) is None


def test_what_has_no_stamp_says_nothing_and_what_has_two_was_not_left_by_us() -> None:
    assert is_as_written(FACT) is None
    made = stamped(FACT)
    assert is_as_written({**made, "identifier": made["identifier"] * 2}) is True
    assert is_as_written({**made, "identifier": [*made["identifier"], {"system": SYSTEM, "value": "v1.a.b"}]}) is False


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("Condition/a", "Condition/a"),
        ("Condition/a/_history/2", "Condition/a"),
        ("https://ehr.example/fhir/r4/Condition/a", "Condition/a"),
        ("urn:uuid:3", "urn:uuid:3"),
        ("#contained", "#contained"),
        ("", ""),
    ],
)
def test_a_reference_is_relative_where_it_can_be(reference: str, expected: str) -> None:
    assert relative(reference) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


def shuffled(value: Any) -> Any:
    """The same JSON with keys and items in another order."""
    if isinstance(value, dict):
        return {k: shuffled(v) for k, v in reversed(value.items())}
    return [shuffled(v) for v in reversed(value)] if isinstance(value, list) else value


@given(content=st.dictionaries(st.sampled_from(["code", "valueString", "component", "note", "reference"]), JSON))
def test_any_content_is_as_written_after_a_round_trip_in_any_order(content: Json) -> None:
    made = stamped({"resourceType": "Observation", "id": "o", **content})
    assert is_as_written(made) is True
    assert is_as_written(shuffled(json.loads(json.dumps(made)))) is True
