"""Every element of every resource says where it came from."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medie_fhir.mapping import Mapping, explain, load_mapping, render
from medie_fhir.mapping.explain import Element, Explanation
from medie_fhir.mapping.samples import sample_facts, sample_record
from medie_fhir.model import Alignment, CodedFact, Concept, ExtractionRecord, Fact, Json

Make = Callable[..., CodedFact]
SOURCE = {"reference": "DocumentReference/copy"}
FIELDS = ("cancer_type", "stage", "gene_mutation", "biomarker", "treatment", "response", "metastasis_site")
AT = "2026-01-02T10:00:00Z"

EVERY_BLOCK = """
name: blocks
version: 1.0.0
task: oncology
policy: { stage: {} }
templates:
  - name: all blocks
    field: stage
    resource:
      resourceType: Observation
      "{% assign %}": [{ words: "{{ %fact.value }}" }]
      "{% merge %}":
        - { status: preliminary }
        - "{% if %effective.exists() %}":
            effectiveDateTime: "{{ %effective }}"
      subject: "{{ %subject }}"
      meta: { profile: ["http://example.org/{{ %fact.field }}"] }
      code: { coding: "{[ %concept.codings.code ]}", text: "Stage: {{ %words }}" }
      note:
        "{% for reader in %fact.readers %}": { text: "{{ %reader }}" }
      derivedFrom: ["{{ %source }}"]
      component:
        - "{{ %concept.codings.value }}":
            code: { coding: [{ system: "{{ system }}", code: "{{ code }}" }] }
            valueString: fixed
"""


@pytest.fixture(scope="module")
def blocks() -> Mapping:
    return load_mapping(EVERY_BLOCK, "blocks.yaml", FIELDS)


def explained(mapping: Mapping, facts: list[CodedFact], record: ExtractionRecord) -> Explanation:
    return explain(record, facts, mapping.file, source=SOURCE, recorded=AT, system="urn:facts")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield from leaves(below, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from leaves(below, f"{path}[{index}]")
    else:
        yield path, value


SAMPLES = [fact for field in FIELDS for fact in sample_facts(field)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    facts=st.lists(st.sampled_from(SAMPLES), max_size=4, unique_by=lambda f: (f.fact.field, f.id)),
    dated=st.booleans(),
    every_block=st.booleans(),
)
def test_what_is_explained_is_what_is_rendered_leaf_by_leaf(
    default: Mapping, blocks: Mapping, facts: list[CodedFact], dated: bool, every_block: bool
) -> None:
    mapping, record = blocks if every_block else default, sample_record(dated=dated)
    made = render(record, facts, mapping.file, source=SOURCE, recorded=AT, system="urn:facts")
    found = explained(mapping, facts, record).resources
    assert [e.resource for e in found] == made
    assert [[(x.path, x.value) for x in e.elements] for e in found] == [list(leaves(m)) for m in made]
    assert all(x.where or x.why for e in found for x in e.elements), "an element is of the mapping or of the engine"


def of(path: str, explanation: Explanation) -> Element:
    return next(x for x in explanation.resources[0].elements if x.path == path)


def test_an_element_names_its_line_and_its_expression(default: Mapping, record: ExtractionRecord, coded: Make) -> None:
    found = explained(default, [coded("metastasis_site", "brain", "94225005")], record)
    text, status = of("code.text", found), of("clinicalStatus.coding[0].code", found)
    assert text.value == "Metastasis: brain"
    assert text.why == "%fact.value"
    assert text.where is not None
    assert text.where.startswith("default.yaml:")
    assert (status.value, status.why) == ("active", None), "it stands in the mapping as it is"
    assert found.resources[0].template == "metastasis"


def test_the_line_is_the_elements_own(blocks: Mapping, record: ExtractionRecord, coded: Make) -> None:
    found = explained(blocks, [coded("stage", "IV", "258228008")], record)
    lines = EVERY_BLOCK.splitlines()
    for element in found.resources[0].elements:
        if element.where and element.path == "code.text":
            line = int(element.where.split(":")[1])
            assert "Stage: {{ %words }}" in lines[line - 1]
            break
    else:
        pytest.fail("code.text is not explained")


def test_a_code_of_the_tables_names_its_row_and_a_fixed_code_does_not(
    default: Mapping, record: ExtractionRecord, coded: Make
) -> None:
    fact = coded("stage", "IV", "258228008")
    concept = Concept(fact.concept.key, fact.concept.codings, {}, "synonym", "stages:stage-iv")
    found = explained(default, [CodedFact(fact.fact, concept, fact.id)], record)
    value = next(x for x in found.resources[0].elements if x.value == "258228008")
    assert (value.row, value.match) == ("stages:stage-iv", "synonym")
    assert of("category[0].coding[0].code", found).row is None


def test_what_the_engine_adds_says_what_for(default: Mapping, record: ExtractionRecord, coded: Make) -> None:
    found = explained(default, [coded("cancer_type", "lung cancer", "254637007")], record)
    added: Json = {x.path: x.why for x in found.resources[0].elements if x.where is None}
    assert added["id"] == "the fact's identity"
    assert added["meta.security[0].code"] == "a model asserted it"
    assert added["meta.source"] == "the note's document"
    assert added["extension[0].extension[2].valueInteger"] == "where it stands in the note"
    assert added["extension[1].valueDecimal"] == "the model's confidence"


def test_facts_that_became_nothing_say_why(blocks: Mapping, record: ExtractionRecord, coded: Make) -> None:
    unmapped = Fact(field="response", value="PR", alignment=Alignment.EXACT)
    held = explained(
        blocks,
        [coded("stage", "III", written=False, reason="asserted absent"), coded("cancer_type", "lung cancer")],
        record.model_copy(update={"facts": (unmapped,)}),
    ).held_back
    assert [(h.fact.field, h.reason) for h in held] == [
        ("stage", "asserted absent"),
        ("cancer_type", "no template makes a resource of it"),
        ("response", "the mapping has no policy for its field"),
    ]
