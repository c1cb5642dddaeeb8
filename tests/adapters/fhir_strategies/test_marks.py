"""A mark is put on and comes off, and nothing else changes."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_strategies import marks
from medie_fhir.model import Json

IDS = [str(uuid.uuid5(uuid.NAMESPACE_URL, str(n))) for n in range(4)]


@given(data=st.data())
def test_a_mark_comes_off_as_it_was_put_on(data: st.DataObject, resources: st.SearchStrategy[tuple[Json, ...]]) -> None:
    for resource in data.draw(resources):
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
