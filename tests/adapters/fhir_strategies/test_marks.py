"""A mark is put on and comes off, and nothing else changes."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_strategies import marks
from medie_fhir.model import Json

IDS = [str(uuid.uuid5(uuid.NAMESPACE_URL, str(n))) for n in range(4)]
KINDS = {"Device": IDS[0], "Condition": IDS[1], "Observation": f"{IDS[1]}-1", "Provenance": IDS[3]}
ours = st.sampled_from([f"{kind}/{id_}" for kind, id_ in KINDS.items()])
literal = ours | st.sampled_from(["Patient/1", "http://elsewhere.example/fhir/Condition/1", "#contained"])
reference = st.builds(
    lambda text, display, named: {
        "reference": text,
        **({"display": display} if display else {}),
        **({"identifier": {"system": "urn:other", "value": named}} if named else {}),
    },
    literal,
    st.sampled_from(["", "a name"]),
    st.sampled_from(["", "1"]),
)
identifiers = st.lists(st.sampled_from([{"system": "urn:a", "value": "1"}, {"value": "2"}]), max_size=2, unique_by=str)
tags = st.lists(st.sampled_from([{"system": "urn:t", "code": "1"}, {"code": "2"}]), max_size=2, unique_by=str)


def made(kind: str, about: Json, identified: list[Json], tagged: list[Json]) -> Json:
    resource: Json = {
        "resourceType": kind,
        "id": KINDS[kind],
        "extension": [{"url": "urn:e", "valueReference": about}],
        **({"meta": {"tag": tagged}} if tagged else {}),
    }
    if kind != "Provenance" and identified:
        resource["identifier"] = identified
    return resource


resources = st.tuples(*(st.builds(made, st.just(kind), reference, identifiers, tags) for kind in KINDS))


@given(resources)
def test_a_mark_comes_off_as_it_was_put_on(many: tuple[Json, ...]) -> None:
    for resource in many:
        once = marks.marked(resource, resource["id"])
        assert marks.told(once) == (resource["id"], {k: v for k, v in resource.items() if k != "id"})
        assert marks.marked(once, resource["id"]) == once


def test_only_ids_of_our_form_are_ours() -> None:
    assert marks.is_ours(IDS[0])
    assert not marks.is_ours(str(uuid.uuid4()))
    assert not marks.is_ours("17")
    assert marks.is_ours(f"{IDS[0]}-12")
    assert not any(marks.is_ours(IDS[0] + end) for end in ("-", "-0", "-x", "-1-1", "1"))
    assert marks.our_place(f"Condition/{IDS[0]}")
    assert not marks.our_place(f"http://elsewhere.example/Condition/{IDS[0]}")


def test_a_resource_and_the_further_ones_of_its_fact_have_names_of_their_own() -> None:
    names = [marks.urn(id_) for id_ in (IDS[0], f"{IDS[0]}-1", f"{IDS[0]}-2", f"{IDS[1]}-1")]
    assert names[0] == f"urn:uuid:{IDS[0]}"
    assert len(set(names)) == 4
    assert all(str(uuid.UUID(name.removeprefix("urn:uuid:"))) == name.removeprefix("urn:uuid:") for name in names)


def test_a_type_without_identifiers_is_found_by_its_tag() -> None:
    assert marks.query("Provenance", "a", "b") == {"_tag": f"{marks.SYSTEM}|a,{marks.SYSTEM}|b"}
    assert marks.condition("Condition", "a") == "identifier=https://medie-fhir.github.io/fhir/id%7Ca"
