"""A mapping is tried on all that a note may bring, before the first: what breaks, or says too much, is told."""

from collections.abc import Iterator
from typing import Any

import pytest

from medie_fhir.errors import InvalidMapping
from medie_fhir.mapping import Mapping, load_mapping
from medie_fhir.mapping.render import drafts
from medie_fhir.mapping.samples import full_record, sample_facts, sample_record
from medie_fhir.mapping.template import Origin
from medie_fhir.model import Assertion, CodedFact, Concept, Fact
from medie_fhir.shipped import shipped

FIELDS = ("cancer_type", "stage", "gene_mutation", "biomarker", "treatment", "response", "metastasis_site")
SHIPPED = ("default", "mcode")


def text_of(name: str) -> str:
    return shipped("mappings", f"{name}.yaml").read_text(encoding="utf-8")


def loaded(text: str) -> Mapping:
    return load_mapping(text, "mine.yaml", FIELDS)


def faults(text: str) -> list[str]:
    with pytest.raises(InvalidMapping) as caught:
        loaded(text)
    return caught.value.faults


STAGED = '      "{% if %concept.codings.method.exists() %}":\n        method:'
T_CATEGORY = ':\n              coding: "{[ %concept.codings.t ]}"'
DNA_CHANGE = ': "{{ %concept.attributes.hgvs_c }}"'


@pytest.mark.parametrize(
    ("was", "broken", "path"),
    [
        ('focus: ["{{ %primary }}"]', 'focus: "{{ %primary }}"', "templates.1.resource.focus"),
        ('focus: ["{{ %primary }}"]', 'focus: ["{{ %primary.reference }}"]', "templates.1.resource.focus.0"),
        ('valueReference: "{{ %primary }}"', 'valueString: "{{ %primary }}"', "templates.4.resource.extension.0"),
        (f"valueCodeableConcept{T_CATEGORY}", f"valueCodableConcept{T_CATEGORY}", "templates.1.resource.component.0"),
        (f"code{DNA_CHANGE}", f"kode{DNA_CHANGE}", "templates.3.resource.component."),
        ("code: LA6683-2", "kode: LA6683-2", "templates.3.resource.component."),
        (STAGED, f'      encounter: ["{{{{ %document.encounter }}}}"]\n{STAGED}', "templates.1.resource.encounter"),
        (STAGED, f'      performer: ["{{{{ %document.author }}}}"]\n{STAGED}', "templates.1.resource.performer.0"),
        (STAGED, f'      bodySite: "{{{{ %document.period }}}}"\n{STAGED}', "templates.1.resource.bodySite"),
    ],
)
def test_what_would_break_the_first_note_with_a_cancer_a_category_or_an_encounter_is_a_fault_now(
    was: str, broken: str, path: str
) -> None:
    text = text_of("default")
    assert was in text
    assert any(f": {path}" in fault for fault in faults(text.replace(was, broken))), faults(text.replace(was, broken))


def leaves(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of a template's leaves."""
    if isinstance(value, dict | list):
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(below, (*at, key))
    else:
        yield at


def origins(value: Any) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, Origin):
        yield value.place
    elif isinstance(value, dict | list):
        for below in value.values() if isinstance(value, dict) else value:
            yield from origins(below)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_branch_of_the_shipped_templates_is_rendered_by_the_samples(name: str) -> None:
    file = loaded(text_of(name)).file
    primary = CodedFact(Fact(field="cancer_type", value="x", alignment="exact"), Concept("x"), "primary")
    seen: dict[str, set[tuple[Any, ...]]] = {}
    for field in file.policy:
        for fact in sample_facts(field, tuple(Assertion)):
            for record in (full_record(), sample_record(dated=False)):
                with_primary = [fact] if field == "cancer_type" else [primary, fact]
                for draft in drafts(
                    record, with_primary, file, source={"reference": "D/1"}, recorded=record.produced.at, traced=True
                ):
                    seen.setdefault(draft.template.name, set()).update(origins(draft.resource))
    for template in file.templates:
        assert set(leaves(template.resource, ("resource",))) - seen[template.name] == set(), template.name


HARM = [
    ("cancer_type", "assertions: [present, absent]", "policy.cancer_type.assertions.1", "as if it were present"),
    ("cancer_type", "experiencers: [patient, family]", "policy.cancer_type.experiencers.1", "the patient's"),
    ("biomarker", "experiencers: [other]", "policy.biomarker.experiencers.0", "as if it were the patient's"),
    ("metastasis_site", "assertions: [absent]", "policy.metastasis_site.assertions.0", "as if it were present"),
]


def admitting(field: str, policy: str, name: str = "default") -> str:
    lines = text_of(name).splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith(f"  {field}: {{"))
    lines[at] = f"  {field}: {{ {policy} }}"
    return "\n".join(lines)


@pytest.mark.parametrize(("field", "policy", "path", "harm"), HARM)
def test_a_policy_that_lets_through_what_is_not_so_needs_a_template_that_tells_it(
    field: str, policy: str, path: str, harm: str
) -> None:
    (fault,) = faults(admitting(field, policy))
    assert f": {path}: " in fault
    assert harm in fault
    assert "%fact." in fault


def test_a_template_that_asks_what_the_note_says_of_it_may_have_it() -> None:
    variants = admitting("gene_mutation", "assertions: [present, absent], uncoded: false")
    assert loaded(variants).warnings == ()  # its value is Absent then
    relatives = admitting("cancer_type", "experiencers: [patient, family]").replace(
        "    field: cancer_type\n", "    field: cancer_type\n    when: \"%fact.experiencer = 'patient'\"\n"
    )
    family = """
  - name: of the family
    field: cancer_type
    when: "%fact.experiencer = 'family'"
    resource:
      resourceType: FamilyMemberHistory
      status: partial
      patient: "{{ %subject }}"
      relationship: { text: relative }
      condition: [{ code: { text: "{{ %fact.value }}" } }]
"""
    assert loaded(relatives + family).warnings == ()
    unguarded = admitting("cancer_type", "experiencers: [patient, family]") + family
    assert any("'primary cancer'" in fault for fault in faults(unguarded)), "one template that asks guards no other"


@pytest.mark.parametrize(
    ("name", "field", "policy", "told"),
    [
        ("default", "treatment", "assertions: [present, planned]", ["'cancer treatment' as if it were done"]),
        ("mcode", "treatment", "assertions: [present, planned]", ["'other treatment' as if it were done"]),
        ("default", "stage", "assertions: [present, possible]", ["'cancer stage' as if", "'histologic grade' as if"]),
        ("default", "cancer_type", "assertions: [present, possible]", []),  # unconfirmed, which is what it is
        ("default", "cancer_type", "assertions: [present, historical]", ["'primary cancer' as if it were active"]),
        ("default", "treatment", "assertions: [present, historical]", []),  # it was given
    ],
)
def test_what_may_be_meant_so_is_a_warning_and_no_fault(name: str, field: str, policy: str, told: list[str]) -> None:
    warnings = loaded(admitting(field, policy, name)).warnings
    assert len(warnings) == len(told)
    for warning, words in zip(warnings, told, strict=True):
        assert f"policy.{field}.assertions.1" in warning
        assert words in warning


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_mappings_have_no_warning(name: str) -> None:
    assert loaded(text_of(name)).warnings == ()


@pytest.mark.parametrize("id_", ["      id: my-own\n", '      "{% if true %}": { id: my-own }\n'])
def test_a_templates_own_id_is_a_fault_for_it_would_be_replaced(id_: str) -> None:
    text = text_of("default").replace("      clinicalStatus:\n", f"{id_}      clinicalStatus:\n", 1)
    (fault,) = faults(text)
    assert "templates.0.resource.id: " in fault
    assert "leave it out" in fault
