"""What a server kept of what it was given."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_fidelity import dropped
from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.model import Json

CONFIDENCE = "https://example.org/confidence"
SENT: Json = {
    "resourceType": "Observation",
    "id": "o1",
    "meta": {"profile": ["https://example.org/p"], "security": [{"system": "s", "code": "AIAST"}]},
    "extension": [{"url": CONFIDENCE, "valueDecimal": 0.5}, {"url": "https://example.org/b", "valueBoolean": True}],
    "status": "preliminary",
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2026-01-02T03:04:05Z",
    "component": [{"code": {"text": "one"}}, {"code": {"text": "two"}, "valueQuantity": {"value": 1, "unit": "mg"}}],
}

words = st.text("abc", min_size=1, max_size=3)
json_values = st.recursive(
    st.one_of(words, st.booleans(), st.integers()),
    lambda below: st.one_of(st.lists(below, min_size=1, max_size=3), st.dictionaries(words, below, min_size=1)),
    max_leaves=8,
)


def stored(**changed: Any) -> Json:
    return {**copy.deepcopy(SENT), **changed}


@given(st.dictionaries(words, json_values))
def test_what_is_kept_whole_is_not_told(body: Json) -> None:
    resource = {"resourceType": "Basic", **body}
    assert dropped(resource, copy.deepcopy(resource)) == ()


@given(st.dictionaries(words, json_values, min_size=1), st.data())
def test_whatever_is_dropped_is_told(body: Json, data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(sorted(body)))
    kept = {name: value for name, value in body.items() if name != gone}

    assert dropped({"resourceType": "Basic", **body}, {"resourceType": "Basic", **kept}) == (f"Basic.{gone}",)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"extension": SENT["extension"][1:]}, f"Observation.extension('{CONFIDENCE}')"),
        ({"extension": None}, "Observation.extension"),
        ({"component": SENT["component"][:1]}, "Observation.component[1]"),
        (
            {"component": [SENT["component"][0], {"code": {"text": "two"}, "valueQuantity": {"value": 1}}]},
            "Observation.component[1].valueQuantity.unit",
        ),
        ({"status": "final"}, "Observation.status"),
        ({"subject": {"reference": "Patient/p2"}}, "Observation.subject.reference"),
        ({"effectiveDateTime": "2026-01-02"}, "Observation.effectiveDateTime"),
        ({"meta": {"profile": ["https://example.org/p"], "security": []}}, "Observation.meta.security"),
        (
            {"meta": {"profile": ["https://example.org/q"], "security": SENT["meta"]["security"]}},
            "Observation.meta.profile",
        ),
    ],
)
def test_what_was_dropped_or_changed_is_told_by_its_path(changed: Json, told: str) -> None:
    assert dropped(SENT, stored(**changed)) == (told,)


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "another"},
        {"text": {"status": "generated", "div": "<div/>"}},
        {"subject": {"reference": "http://fhir.example.org/fhir/Patient/p1", "type": "Patient"}},
        {"effectiveDateTime": "2026-01-02T03:04:05.000+00:00"},
        {"extension": SENT["extension"][::-1]},
        {
            "meta": {
                "versionId": "1",
                "profile": ["https://example.org/q", "https://example.org/p"],
                "security": [{"code": "R"}, {"system": "s", "code": "AIAST", "display": "AI"}],
            }
        },
    ],
)
def test_what_a_server_may_add_or_spell_otherwise_is_not_told(changed: Json) -> None:
    assert dropped(SENT, stored(**changed)) == ()


def test_a_placeholder_that_became_real_and_a_version_that_went_are_no_change() -> None:
    sent = {
        "resourceType": "Provenance",
        "target": [{"reference": "urn:uuid:1"}, {"reference": "Patient/p/_history/2"}],
    }
    kept = {"resourceType": "Provenance", "target": [{"reference": "Condition/c"}, {"reference": "Patient/p"}]}

    assert dropped(sent, kept) == ()


@given(st.text("xyz", min_size=4), st.text("xyz", min_size=4))
def test_no_value_is_ever_told(one: str, other: str) -> None:
    told = dropped({"resourceType": "Basic", "code": {"text": one}}, {"resourceType": "Basic", "code": {"text": other}})

    assert told == (() if one == other else ("Basic.code.text",))


async def test_a_server_that_keeps_all_drops_nothing(twin: FhirTwin) -> None:
    sent = {name: value for name, value in SENT.items() if name != "subject"}
    request = {"method": "PUT", "url": "Observation/o1"}
    await twin.transact(
        {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": sent, "request": request}]}
    )

    assert dropped(sent, await twin.read("Observation", "o1") or {}) == ()
