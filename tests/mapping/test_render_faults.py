"""A template that fails, or makes no valid resource, names itself, its line and its element, and never a value."""

from collections.abc import Callable
from typing import Any

import pytest

from medie_fhir.errors import InvalidMapping, RenderError
from medie_fhir.mapping import Mapping, load_mapping, render
from medie_fhir.model import CodedFact, ExtractionRecord

Make = Callable[..., CodedFact]
SOURCE = {"reference": "DocumentReference/copy"}
PLAIN = """\
name: mine
version: 1.0.0
task: oncology
policy: {stage: {}}
templates:
  - name: stage
    field: stage
    resource:
      resourceType: Observation
      status: preliminary
      code:
        text: "{{ %fact.value }}"
      subject: "{{ %subject }}"
"""


def test_a_resource_that_is_not_valid_names_template_and_element_and_never_a_value(
    default: Mapping, record: ExtractionRecord, coded: Make
) -> None:
    template = default.file.templates[1].model_copy(
        update={
            "resource": {
                **default.file.templates[1].resource,
                "status": "{{ %fact.value }}",
                "issued": "{{ %fact.value }}",
            }
        }
    )
    broken = default.file.model_copy(update={"templates": (template,)})
    with pytest.raises(RenderError) as caught:
        render(
            record, [coded("stage", "SENTINEL")], broken, source=SOURCE, recorded="2026-01-02T10:00:00Z", system="urn:x"
        )
    assert "cancer stage" in str(caught.value)
    assert "issued" in str(caught.value)
    assert "SENTINEL" not in str(caught.value)


@pytest.mark.parametrize(
    ("element", "place", "what"),
    [
        ("meta: '{{ %fact.value }}'", "templates.0.resource.meta", "meta must be an object"),
        ("meta: {security: '{{ %fact.value }}'}", "templates.0.resource.meta.security", "security must be a list"),
        ("extension: {url: 'http://x'}", "templates.0.resource.extension", "extension must be a list"),
        ("identifier: {value: x}", "templates.0.resource.identifier", "identifier must be a list"),
        ("category:", "templates.0.resource.category", "is empty: give it a value, or leave it out"),
        ("note: [{text: ''}]", "templates.0.resource.note.0.text", "is empty"),
        ("method: '{{+ %primary +}}'", "templates.0.resource.method", "is empty"),
        ("valueQuantity: {value: '12.4'}", "templates.0.resource.valueQuantity.value", "a value that its type doesn't"),
        ("valueBoolean: 'yes'", "templates.0.resource.valueBoolean", "a value that its type doesn't allow"),
        ("valueInteger: '3'", "templates.0.resource.valueInteger", "a value that its type doesn't allow"),
        ("valueInteger: '{{ (10).power(99) }}'", "templates.0.resource.valueInteger", "not as FHIR R4 has it"),
        ("'{% if true %}': {resourceType: Procedure}", "templates.0.resource", "makes no resource of the type"),
    ],
)
def test_what_the_engine_or_a_server_would_stumble_over_is_a_fault_of_the_mapping(
    element: str, place: str, what: str
) -> None:
    with pytest.raises(InvalidMapping) as caught:
        load_mapping(f"{PLAIN}      {element}\n", "mine.yaml", ["stage"])
    (fault,) = caught.value.faults
    assert fault.startswith("mine.yaml:")
    assert f": {place}: template 'stage'" in fault
    assert what in fault


LATE = "%concept.attributes.where(origin = 'late').legacy"


@pytest.mark.parametrize("late", [f"{{[ {LATE} ]}}", f"{{{{ {LATE} }}}}"])
def test_one_note_in_a_thousand_fails_alone_and_says_where(rendered: Any, coded: Make, late: str) -> None:
    mapping = load_mapping(f'{PLAIN}      effectiveDateTime: "{late}"\n', "mine.yaml", ["stage"])
    for value in ("SENTINEL", ["SENTINEL", "SENTINEL"], {"SENTINEL": "SENTINEL"}, "2026-02-30", ""):
        with pytest.raises(RenderError) as caught:
            rendered(coded("stage", attributes={"origin": "late", "legacy": value}), mapping=mapping)
        place = "mine.yaml:14:26: templates.0.resource.effectiveDateTime"
        assert str(caught.value).startswith(f"{place}: template 'stage'"), str(caught.value)
        assert "SENTINEL" not in str(caught.value)
        assert len(rendered(coded("stage"), mapping=mapping)) == 1
