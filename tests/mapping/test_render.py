"""From coded facts to resources: complete, and none that may not be written."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from medie_fhir.mapping import Mapping, effective, load_mapping, says_anything
from medie_fhir.mapping.file import Template
from medie_fhir.mapping.samples import sample_facts
from medie_fhir.model import CodedFact, ExtractionRecord, Json

Make = Callable[..., CodedFact]
SOURCE = {"reference": "DocumentReference/copy"}
LOINC = "http://loinc.org"


def test_every_resource_carries_what_no_template_may_forget(rendered: Any, coded: Make) -> None:
    (made,) = rendered(coded("stage", "stage IV", "258228008", id="an-id"))
    assert made["id"] == "an-id"
    assert made["identifier"] == [{"system": "urn:facts", "value": "an-id"}]
    assert made["meta"]["security"][0]["code"] == "AIAST"
    assert made["meta"]["source"] == SOURCE["reference"]
    derivation, confidence = made["extension"]
    assert {e["url"]: e.get("valueInteger") for e in derivation["extension"]} | {"reference": None, "path": None} == {
        "reference": None,
        "path": None,
        "offset": 3,
        "length": 8,
    }
    assert confidence["valueDecimal"] == 0.88
    assert made["derivedFrom"] == [SOURCE]


def test_what_policy_holds_back_is_not_rendered(rendered: Any, coded: Make) -> None:
    assert rendered(coded("stage", "IV", written=False, reason="asserted absent")) == []


@pytest.mark.parametrize(
    ("period", "date", "expected"),
    [
        ({"start": "2025-12-24"}, "2026-01-01T09:00:00Z", "2025-12-24"),
        (None, "2026-01-01T09:00:00+01:00", "2026-01-01T09:00:00+01:00"),
        ({"start": "2025"}, "2026-01-01T09:00:00Z", "2026-01-01T09:00:00Z"),
        ({"start": "2025-12"}, None, None),
        ({"start": "2025-12-24T10:00"}, None, "2025-12-24"),
        (None, None, None),
    ],
)
def test_the_date_is_to_the_day_at_least_or_not_given(
    record: ExtractionRecord, period: Json | None, date: str | None, expected: str | None
) -> None:
    document = record.document.model_copy(update={"period": period, "date": date})
    assert effective(record.model_copy(update={"document": document})) == expected


def test_a_template_may_make_several_resources_of_one_fact_each_with_its_own_id(
    rendered: Any, coded: Make, default: Mapping, default_text: str
) -> None:
    again = """\
  - name: again
    field: stage
    when: "%fact.confidence > 0.5"
    resource: {resourceType: Observation, status: preliminary, code: {text: again}, subject: "{{ %subject }}"}
"""
    mapping = load_mapping(
        default_text.replace("templates:\n", "templates:\n" + again), "twice.yaml", default.file.policy
    )
    assert [m["id"] for m in rendered(coded("stage", "IV", id="s"), mapping=mapping)] == ["s", "s-1"]


def test_whether_anything_is_said_is_known_before_it_is_made(
    default: Mapping, record: ExtractionRecord, rendered: Any
) -> None:
    def says(*facts: CodedFact) -> bool:
        return says_anything(record, facts, default.file, source=SOURCE, recorded="2026-01-02T10:00:00Z")

    assert not says()
    for field in default.file.policy:
        for fact in sample_facts(field):
            assert says(fact) == bool(rendered(fact))
            assert not says(replace(fact, written=False))
    for_nobody = [t.model_copy(update={"when": "false"}) for t in default.file.templates]
    nothing = replace(default, file=default.file.model_copy(update={"templates": for_nobody}))
    (fact, *_) = sample_facts("stage")
    assert not says_anything(record, [fact], nothing.file, source=SOURCE, recorded="2026-01-02T10:00:00Z")
    assert rendered(fact, mapping=nothing) == []


def test_a_template_is_compiled_once_and_a_changed_copy_of_it_anew(default: Mapping) -> None:
    made: list[str] = []

    def make(template: Template) -> str:
        made.append(template.name)
        return template.name

    template = default.file.templates[0].model_copy()
    assert [template.once(make) for _ in range(3)] == [template.name] * 3
    assert template.model_copy(update={"name": "other"}).once(make) == "other"
    assert made == [template.name, "other"]
